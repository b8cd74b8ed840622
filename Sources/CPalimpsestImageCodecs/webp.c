/* WebP with libwebp: lossy, lossless, and the first frame of an animation. */
#include "common.h"

#include <string.h>

#ifndef PAL_WEBP

pal_status pal_decode_webp(const uint8_t *data, size_t size, const pal_limits *limits, pal_image *image) {
    (void)data, (void)size, (void)limits;
    memset(image, 0, sizeof *image);
    PAL_SAY(image->message, "a WebP file, and this program was built without libwebp. Install libwebp (Debian: apt-get install "
                            "libwebp-dev) and build with the trait WebP: swift build --traits Commands,TIFF,WebP");
    return PAL_UNSUPPORTED;
}

#else

#include <stdlib.h>

#include <webp/decode.h>
#include <webp/demux.h>

static pal_status status_of(VP8StatusCode code, char message[256]) {
    switch (code) {
    case VP8_STATUS_OK:
        return PAL_OK;
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        PAL_SAY(message, "the WebP file ends before the picture does");
        return PAL_TRUNCATED;
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        PAL_SAY(message, "a kind of WebP that libwebp does not read");
        return PAL_UNSUPPORTED;
    case VP8_STATUS_OUT_OF_MEMORY:
        PAL_SAY(message, "no memory to decode the WebP file");
        return PAL_OUT_OF_MEMORY;
    default:
        PAL_SAY(message, "the WebP data are damaged");
        return PAL_CORRUPT;
    }
}

/* Decodes a still picture to RGB at a place of the canvas. */
static pal_status decode_still(const uint8_t *data, size_t size, uint8_t *to, size_t stride, size_t room, char message[256]) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) {
        PAL_SAY(message, "libwebp has another version than this program was built with");
        return PAL_UNSUPPORTED;
    }
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = to;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = room;
    VP8StatusCode code = WebPDecode(data, size, &config);
    WebPFreeDecBuffer(&config.output);
    return status_of(code, message);
}

/* Decodes the first frame of an animation to its place on the canvas, which is black elsewhere. */
static pal_status decode_first_frame(const uint8_t *data, size_t size, pal_image *image) {
    WebPData file = {data, size};
    WebPDemuxState state;
    WebPDemuxer *demuxer = WebPDemuxPartial(&file, &state);
    WebPIterator frame;
    memset(&frame, 0, sizeof frame);
    pal_status status = PAL_CORRUPT;
    if (demuxer && WebPDemuxGetFrame(demuxer, 1, &frame)) {
        uint64_t right = (uint64_t)frame.x_offset + (uint64_t)frame.width;
        uint64_t bottom = (uint64_t)frame.y_offset + (uint64_t)frame.height;
        if (!frame.complete) {
            status = status_of(VP8_STATUS_NOT_ENOUGH_DATA, image->message);
        } else if (frame.x_offset >= 0 && frame.y_offset >= 0 && right <= image->width && bottom <= image->height) {
            size_t stride = (size_t)image->width * 3;
            size_t start = (size_t)frame.y_offset * stride + (size_t)frame.x_offset * 3;
            status = decode_still(frame.fragment.bytes, frame.fragment.size, image->samples + start, stride,
                                  image->bytes - start, image->message);
        }
    } else if (state == WEBP_DEMUX_PARSING_HEADER || state == WEBP_DEMUX_PARSED_HEADER) {
        status = status_of(VP8_STATUS_NOT_ENOUGH_DATA, image->message);
    }
    if (status == PAL_CORRUPT) PAL_SAY(image->message, "the first frame of the WebP animation is damaged");
    WebPDemuxReleaseIterator(&frame);
    WebPDemuxDelete(demuxer);
    return status;
}

pal_status pal_decode_webp(const uint8_t *data, size_t size, const pal_limits *limits, pal_image *image) {
    memset(image, 0, sizeof *image);
    WebPBitstreamFeatures features;
    pal_status status = status_of(WebPGetFeatures(data, size, &features), image->message);
    if (status != PAL_OK) return status;
    if (features.width <= 0 || features.height <= 0) return status_of(VP8_STATUS_BITSTREAM_ERROR, image->message);
    image->width = (uint32_t)features.width;
    image->height = (uint32_t)features.height;
    image->channels = 3;
    image->bits = image->stored_bits = 8;
    if (features.has_alpha) image->omitted |= PAL_OMITS_ALPHA;
    if (features.has_animation) image->omitted |= PAL_OMITS_FRAMES;
    /* Lossless decoding, also of alpha and of what frames hold, has a buffer of 4 bytes a pixel besides. */
    int is_plain = features.format == 1 && !features.has_alpha && !features.has_animation;
    uint64_t extra = is_plain ? 0 : (uint64_t)image->width * image->height * 4;
    status = pal_check_size(limits, image->width, image->height, 3, extra, image->message);
    if (status != PAL_OK) return status;
    image->bytes = (size_t)image->width * image->height * 3;
    image->samples = calloc(image->bytes, 1);
    if (!image->samples) return status_of(VP8_STATUS_OUT_OF_MEMORY, image->message);
    status = features.has_animation
                 ? decode_first_frame(data, size, image)
                 : decode_still(data, size, image->samples, (size_t)image->width * 3, image->bytes, image->message);
    if (status != PAL_OK) {
        free(image->samples);
        image->samples = NULL;
        image->bytes = 0;
    }
    return status;
}

#endif

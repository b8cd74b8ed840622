// One import gives a user of the masks the streams that they draw from.
@_exported public import RandomStreams

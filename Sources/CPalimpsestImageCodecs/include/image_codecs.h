/* PNG and JPEG shims: whole decodes in C, so that no longjmp crosses a Swift frame. */

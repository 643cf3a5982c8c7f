#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/// The app's kernel at every place of a grid, one after the other. constants, maps, texture: as in `Blend`. photo:
/// [H, W, 3], painted in place.
void compositeGrid(
    const void *constants, const void *maps, const void *texture, unsigned char *photo, unsigned width, unsigned height
);

#ifdef __cplusplus
}
#endif

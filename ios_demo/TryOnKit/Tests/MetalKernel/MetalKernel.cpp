#include "../../../App/Sources/Composite.metal"

#include "MetalKernel.h"

void compositeGrid(
    const void *constants, const void *maps, const void *texture, unsigned char *photo, unsigned width, unsigned height
) {
    for (unsigned row = 0; row < height; row++) {
        for (unsigned column = 0; column < width; column++) {
            uint2 place = {column, row};
            composite(
                *(constant Constants *)constants, (device const MapPixel *)maps, (device const float4 *)texture,
                (device uchar *)photo, place
            );
        }
    }
}

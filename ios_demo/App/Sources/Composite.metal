// What composition does for every pixel of a photo: docs/app-contract.md, section 4. TryOnKit's `Blend` has what is read
// here, `CPUCompositor` does the same on the CPU.
//
// TryOnKit's tests compile this file as C++ and hold it to Python's answers: Tests/MetalKernel there has the little of
// metal_stdlib that is used here. Vectors are made component by component, since C++ has no constructors for them.
#include <metal_stdlib>
using namespace metal;

/// `Blend.Constants`.
struct Constants {
    float2 scale;  // fractions of the canvas -> pixels of the garment's texture
    float2 shift;
    int2 maps;     // sizes, width first
    int2 texture;
    int2 window;
    int2 origin;   // of the window in the photo
    int photoWidth;
    float smallestWeight;
};

/// `NetworkMaps.Pixel`.
struct MapPixel {
    float4 garment;
    float4 painted;
    float4 person;
};

/// Where a bilinear sample lies along one axis.
struct Between {
    int below;
    int above;
    float share;
};

/// At a fraction of n pixels; beyond the outermost centres, those repeat.
static Between between(float fraction, int count) {
    float place = clamp(fraction * float(count) - 0.5f, 0.0f, float(count - 1));
    Between found;
    found.below = int(place);
    found.above = min(found.below + 1, count - 1);
    found.share = place - float(found.below);
    return found;
}

static float4 towards(float4 first, float4 second, float share) {
    return first + (second - first) * share;
}

static MapPixel sampledRow(device const MapPixel *row, Between across) {
    MapPixel found;
    found.garment = towards(row[across.below].garment, row[across.above].garment, across.share);
    found.painted = towards(row[across.below].painted, row[across.above].painted, across.share);
    found.person = towards(row[across.below].person, row[across.above].person, across.share);
    return found;
}

static MapPixel sampledMaps(device const MapPixel *maps, int width, Between down, Between across) {
    MapPixel upper = sampledRow(maps + down.below * width, across);
    MapPixel lower = sampledRow(maps + down.above * width, across);
    MapPixel found;
    found.garment = towards(upper.garment, lower.garment, down.share);
    found.painted = towards(upper.painted, lower.painted, down.share);
    found.person = towards(upper.person, lower.person, down.share);
    return found;
}

/// Nothing outside: whatever a position is, no memory is read there.
static float4 weighted(device const float4 *texture, int2 size, int row, int column, float weight) {
    if (row < 0 || column < 0 || row >= size.y || column >= size.x) return float4(0.0f);
    return texture[row * size.x + column] * weight;
}

/// Bilinear, at pixel (x, y); 0 at what is no number.
static float4 sampledGarment(device const float4 *texture, int2 size, float x, float y) {
    if (!(x > -1.0f && y > -1.0f && x < float(size.x) && y < float(size.y))) return float4(0.0f);
    float left = floor(x), top = floor(y);
    float across = x - left, down = y - top;
    int column = int(left), row = int(top);
    return weighted(texture, size, row, column, (1.0f - across) * (1.0f - down))
        + weighted(texture, size, row, column + 1, across * (1.0f - down))
        + weighted(texture, size, row + 1, column, (1.0f - across) * down)
        + weighted(texture, size, row + 1, column + 1, across * down);
}

/// One pixel of the window. place: its column and row; a grid may be larger than the window.
kernel void composite(
    constant Constants &frame [[buffer(0)]],
    device const MapPixel *maps [[buffer(1)]],
    device const float4 *texture [[buffer(2)]],
    device uchar *photo [[buffer(3)]],
    uint2 place [[thread_position_in_grid]]
) {
    int column = int(place.x), row = int(place.y);
    if (column >= frame.window.x || row >= frame.window.y) return;
    float x = (float(column) + 0.5f) / float(frame.window.x);
    float y = (float(row) + 0.5f) / float(frame.window.y);
    MapPixel seen = sampledMaps(maps, frame.maps.x, between(y, frame.maps.y), between(x, frame.maps.x));
    float4 garment = sampledGarment(
        texture, frame.texture,
        (x + seen.garment.x) * frame.scale.x + frame.shift.x, (y + seen.garment.y) * frame.scale.y + frame.shift.y
    );
    float edge = garment.w, visible = seen.painted.w, agreement = seen.person.w;
    float opacity = clamp(seen.garment.z / max(seen.garment.w, frame.smallestWeight), 0.0f, 1.0f);
    float weight = opacity * clamp(edge, 0.0f, 1.0f);
    device uchar *pixel = photo + ((frame.origin.y + row) * frame.photoWidth + frame.origin.x + column) * 3;
    for (int channel = 0; channel < 3; channel++) {
        float before = float(pixel[channel]) / 255.0f;
        float detail = (before * visible - seen.person[channel]) * (agreement / visible);
        float base = (seen.painted[channel] + detail) / visible;
        float colour = garment[channel] / max(edge, frame.smallestWeight);
        float blended = base + (colour - base) * weight;
        pixel[channel] = uchar(clamp(rint(blended * 255.0f), 0.0f, 255.0f));
    }
}

//! Randomness that is the same in every run.

/// A number from 0 to 1 for a point of a grid.
pub(super) fn hash(x: i32, y: i32) -> f32 {
    let mut bits = x.cast_unsigned().wrapping_mul(0x85eb_ca6b) ^ y.cast_unsigned().wrapping_mul(0xc2b2_ae35);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x2c1b_3c6d);
    bits = (bits ^ (bits >> 12)).wrapping_mul(0x297a_2d39);
    bits ^= bits >> 15;
    // 24 bits are what a float holds exactly.
    (bits >> 8) as f32 / 16_777_216.0
}

/// Smooth noise from 0 to 1 that changes over a distance of about one.
pub(super) fn noise(x: f32, y: f32) -> f32 {
    let (ix, iy) = (floor(x), floor(y));
    let (fx, fy) = (x - ix as f32, y - iy as f32);
    let (u, v) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
    let near = hash(ix, iy) * (1.0 - u) + hash(ix.wrapping_add(1), iy) * u;
    let iy = iy.wrapping_add(1);
    let far = hash(ix, iy) * (1.0 - u) + hash(ix.wrapping_add(1), iy) * u;
    near * (1.0 - v) + far * v
}

/// `f32::floor` is a call into the C library where the processor's features are not known, and
/// noise asks for it more often than for anything else.
fn floor(value: f32) -> i32 {
    let towards_zero = value as i32;
    towards_zero - i32::from(value < towards_zero as f32)
}

/// Layers of noise, each finer and fainter than the one before; from 0 to 1.
pub(super) fn layered(x: f32, y: f32, layers: u32) -> f32 {
    let (mut x, mut y) = (x, y);
    let (mut sum, mut weight, mut total) = (0.0, 0.5, 0.0);
    for _ in 0..layers {
        sum += weight * noise(x, y);
        total += weight;
        weight *= 0.5;
        // The turn keeps the layers' grids from lying on top of each other.
        (x, y) = (1.6 * x + 1.2 * y + 17.3, 1.6 * y - 1.2 * x + 5.1);
    }
    sum / total
}

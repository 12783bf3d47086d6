//! From the scene to a picture: the camera, anti-aliasing, and the PNG file.

use std::f32::consts::TAU;

use super::noise::hash;
use super::vector::{Vec3, mix, smoothstep, vec3};
use super::{beacon, island, sea, sky};

/// The width of a frame in pixels.
pub const WIDTH: u32 = 480;
/// The height of a frame in pixels.
pub const HEIGHT: u32 = 270;
/// How many frames the show has.
pub const FRAMES: u32 = 48;

/// The focal length in halves of the picture's height.
const LENS: f32 = 1.95;
const FRAMES_PER_SECOND: f32 = 12.0;
/// A pixel that differs from a neighbour by more than this is looked at more closely.
const EDGE: f32 = 0.028;
/// The same for pixels of open water.
const WAVE_EDGE: f32 = 0.075;
/// Where the extra looks go within a pixel: a turned square, which suits level and upright edges.
const LOOKS: [(f32, f32); 4] = [(-0.125, -0.375), (0.375, -0.125), (0.125, 0.375), (-0.375, 0.125)];
/// The side of the squares that a preview is made of, and of the tiles that it finishes one by one.
const COARSE: u32 = 6;
const TILE: u32 = 30;

/// The finished frame with a number from 0, as a PNG file.
pub(super) fn finished(number: u32) -> Vec<u8> {
    let shot = Shot::new(number);
    let once: Vec<Vec3> = pixels().map(|(x, y)| shot.color(x as f32, y as f32)).collect();
    let picture = pixels().map(|(x, y)| {
        let here = pixel(&once, x, y);
        let neighbours = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
        let step = neighbours
            .iter()
            .filter(|&&(x, y)| x < WIDTH && y < HEIGHT)
            .map(|&(x, y)| difference(here, pixel(&once, x, y)))
            .fold(0.0, f32::max);
        // Waves are rough everywhere; only their sharp edges are worth a second look.
        let rough = step > WAVE_EDGE || step > EDGE && !shot.sees_water(x as f32, y as f32);
        if !rough {
            return here;
        }
        let sum = LOOKS.iter().fold(here, |sum, (dx, dy)| sum + shot.color(x as f32 + dx, y as f32 + dy));
        sum * (1.0 / (LOOKS.len() + 1) as f32)
    });
    encode(picture, number)
}

/// The frame as a render that was stopped early left it: coarse and noisy, with tiles missing.
pub(super) fn unfinished(number: u32) -> Vec<u8> {
    let shot = Shot::new(number);
    let columns = WIDTH.div_ceil(COARSE);
    let coarse: Vec<Vec3> = (0..columns * HEIGHT.div_ceil(COARSE))
        .map(|square| {
            let (x, y) = (square % columns * COARSE, square / columns * COARSE);
            shot.color((x + COARSE / 2) as f32, (y + COARSE / 2) as f32)
        })
        .collect();
    let seed = number.cast_signed();
    let tiles_done = 0.55 + 0.2 * hash(seed, 77);
    let picture = pixels().map(|(x, y)| {
        let (tile_x, tile_y) = (x / TILE, y / TILE);
        let order = 0.65 * (tile_y * TILE) as f32 / HEIGHT as f32
            + 0.35 * hash(tile_x.cast_signed(), tile_y.cast_signed() + seed * 31);
        if order > tiles_done {
            return missing_tile(x, y, order - tiles_done < 0.05);
        }
        let color = coarse[(y / COARSE * columns + x / COARSE) as usize];
        let grain = hash(x.cast_signed() + seed * 1009, y.cast_signed());
        color * (0.45 + 1.1 * grain)
    });
    encode(picture, number)
}

/// Dark, with the bright corners that mark a tile in the making.
fn missing_tile(x: u32, y: u32, in_the_making: bool) -> Vec3 {
    let from_edge = |at: u32| (at % TILE).min(TILE - 1 - at % TILE);
    let (dx, dy) = (from_edge(x), from_edge(y));
    let corner = (dx == 1 && (1..8).contains(&dy)) || (dy == 1 && (1..8).contains(&dx));
    if in_the_making && corner { vec3(1.2, 0.45, 0.05) } else { vec3(0.008, 0.008, 0.010) }
}

/// One moment of the show, seen from where the camera is then.
struct Shot {
    eye: Vec3,
    right: Vec3,
    up: Vec3,
    forward: Vec3,
    time: f32,
    turn: f32,
}

impl Shot {
    fn new(number: u32) -> Self {
        let progress = number as f32 / (FRAMES - 1) as f32;
        let eased = smoothstep(0.0, 1.0, progress);
        let eye = mix(vec3(-8.5, 2.3, -27.0), vec3(1.5, 4.3, -22.5), eased);
        let target = mix(vec3(1.6, 6.7, 6.0), vec3(3.2, 6.9, 6.0), eased);
        let forward = (target - eye).normalized();
        let right = vec3(0.0, 1.0, 0.0).cross(forward).normalized();
        Self {
            eye,
            right,
            up: forward.cross(right),
            forward,
            time: number as f32 / FRAMES_PER_SECOND,
            turn: 2.55 - TAU * number as f32 / FRAMES as f32,
        }
    }

    /// The colour at a place of the picture, given in pixels, ready for the screen (0 to 1).
    fn color(&self, x: f32, y: f32) -> Vec3 {
        let (across, up) = on_screen(x, y);
        let light = self.light(self.direction(across, up));
        let vignette = 1.0 - 0.13 * (across * across * 0.45 + up * up);
        developed(light * vignette)
    }

    fn direction(&self, across: f32, up: f32) -> Vec3 {
        (self.right * across + self.up * up + self.forward * LENS).normalized()
    }

    fn sees_water(&self, x: f32, y: f32) -> bool {
        let (across, up) = on_screen(x, y);
        let direction = self.direction(across, up);
        direction.y < 0.0 && island::trace(self.eye, direction, -self.eye.y / direction.y).is_none()
    }

    fn light(&self, direction: Vec3) -> Vec3 {
        let water = if direction.y < 0.0 { -self.eye.y / direction.y } else { f32::INFINITY };
        let (seen, distance) = match island::trace(self.eye, direction, water) {
            Some(hit) => {
                let color = island::shade(&hit, direction, self.turn);
                let haze = 1.0 - (-hit.distance * 0.0035).exp();
                (mix(color, sky::haze(direction), haze), hit.distance)
            }
            None if water < 2500.0 => (sea::shade(self.eye, direction, water, self.time, self.turn), water),
            None => (sky::full(direction, self.time), 400.0),
        };
        seen + beacon::in_air(self.eye, direction, distance, self.turn)
    }
}

/// A place given in pixels, as distances from the middle in halves of the picture's height.
fn on_screen(x: f32, y: f32) -> (f32, f32) {
    let height = HEIGHT as f32;
    ((2.0 * (x + 0.5) - WIDTH as f32) / height, 1.0 - 2.0 * (y + 0.5) / height)
}

/// From light to the screen: highlights roll off instead of clipping.
fn developed(light: Vec3) -> Vec3 {
    let curve = |value: f32| {
        let x = (value * 0.80).max(0.0);
        let rolled = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14);
        rolled.clamp(0.0, 1.0).powf(1.0 / 2.2)
    };
    vec3(curve(light.x), curve(light.y), curve(light.z))
}

fn difference(a: Vec3, b: Vec3) -> f32 {
    let apart = a - b;
    apart.x.abs().max(apart.y.abs()).max(apart.z.abs())
}

fn pixels() -> impl Iterator<Item = (u32, u32)> {
    (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)))
}

fn pixel(picture: &[Vec3], x: u32, y: u32) -> Vec3 {
    picture[(y * WIDTH + x) as usize]
}

fn encode(picture: impl Iterator<Item = Vec3>, number: u32) -> Vec<u8> {
    let bytes: Vec<u8> = pixels()
        .zip(picture)
        .flat_map(|((x, y), color)| {
            // Less than one step of brightness, so that the evening sky shows no bands.
            let dither = hash(x.cast_signed() + 4099 * number.cast_signed(), y.cast_signed());
            [color.x, color.y, color.z].map(|value| (value * 254.0 + dither) as u8)
        })
        .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&bytes));
    // A vector takes every write, and the size is right by construction.
    written.expect("a picture of the right size is encoded into memory");
    file
}

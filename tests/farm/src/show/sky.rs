//! Dusk: the glow where the sun went down, thin clouds, stars, and a young moon.

use std::f32::consts::TAU;

use super::noise::{hash, layered, noise};
use super::vector::{Vec3, mix, smoothstep, vec3};

/// Where the sun is, just under the horizon.
pub(super) const SUN: Vec3 = vec3(-0.45, -0.045, 0.892);
const MOON: Vec3 = vec3(-0.315, 0.335, 0.888);
const MOON_RADIUS: f32 = 0.036;

/// Everything that is seen in one direction; `time` is in seconds.
pub(super) fn full(direction: Vec3, time: f32) -> Vec3 {
    let cloud = clouds(direction, time, 5);
    let clear = 1.0 - cloud.cover;
    let color = gradient(direction) + stars(direction, time) * clear;
    let color = with_moon(color, direction);
    mix(color, cloud.color, cloud.cover)
}

/// What a wave mirrors: without the stars, which moving water blurs away.
pub(super) fn mirrored(direction: Vec3, time: f32) -> Vec3 {
    let cloud = clouds(direction, time, 3);
    let towards_moon = direction.dot(MOON.normalized()).max(0.0);
    let glitter = vec3(1.0, 0.93, 0.8) * (towards_moon.powf(900.0) * 3.5 + towards_moon.powf(60.0) * 0.05);
    mix(gradient(direction), cloud.color, cloud.cover) + glitter
}

/// The air's colour at the horizon, which swallows what is far away.
pub(super) fn haze(direction: Vec3) -> Vec3 {
    gradient(vec3(direction.x, 0.012, direction.z).normalized())
}

/// 1 in the direction of the sunset, 0 opposite.
fn sunward(direction: Vec3) -> f32 {
    let flat = vec3(direction.x, 0.0, direction.z).normalized();
    let sun = vec3(SUN.x, 0.0, SUN.z).normalized();
    0.5 + 0.5 * flat.dot(sun)
}

fn gradient(direction: Vec3) -> Vec3 {
    let height = direction.y.max(0.0);
    let sunward = sunward(direction);
    let near_sun = sunward.powi(10);
    let horizon = mix(vec3(0.125, 0.110, 0.25), vec3(0.98, 0.36, 0.13), near_sun);
    let middle = mix(vec3(0.040, 0.050, 0.155), vec3(0.20, 0.10, 0.23), sunward.powi(6));
    let zenith = vec3(0.010, 0.020, 0.075);
    let color = mix(horizon, middle, 1.0 - (-height * 7.5).exp());
    let color = mix(color, zenith, 1.0 - (-height * 2.6).exp());
    let rose = (-((height - 0.13) / 0.09).powi(2)).exp() * sunward.powi(5);
    let towards_sun = direction.dot(SUN.normalized()).max(0.0);
    color + vec3(0.42, 0.11, 0.16) * (rose * 0.55) + vec3(1.0, 0.48, 0.16) * (towards_sun.powf(40.0) * 0.75)
}

struct Cloud {
    color: Vec3,
    cover: f32,
}

fn clouds(direction: Vec3, time: f32, layers: u32) -> Cloud {
    let height = direction.y.max(0.0);
    let scale = 1.0 / (height + 0.10);
    let (x, z) = (direction.x * scale + time * 0.012, direction.z * scale);
    // Stretched along the horizon, as high thin clouds are.
    let shape = layered(x * 0.75 + 3.0, z * 2.1 + 11.0, layers);
    let cover = smoothstep(0.50, 0.80, shape) * smoothstep(0.015, 0.10, height) * 0.72;
    let glow = sunward(direction).powi(5) * (-height * 3.2).exp();
    let lit = mix(vec3(0.085, 0.070, 0.155), vec3(1.15, 0.42, 0.27), glow);
    let core = smoothstep(0.62, 0.92, shape);
    Cloud { color: mix(lit, lit * 0.55, core), cover }
}

fn stars(direction: Vec3, time: f32) -> Vec3 {
    let visible = smoothstep(0.12, 0.42, direction.y) * (1.0 - 0.75 * sunward(direction).powi(8));
    if visible <= 0.0 {
        return Vec3::default();
    }
    let across = direction.x.atan2(direction.z) * 38.0;
    let up = direction.y.asin() * 42.0;
    let (column, row) = (across.floor() as i32, up.floor() as i32);
    let random = |salt: i32| hash(column.wrapping_mul(7) + salt, row.wrapping_mul(13) - salt);
    if random(1) > 0.42 {
        return Vec3::default();
    }
    // Kept off the edges of its cell, so that none is cut in half.
    let (x, y) = (0.3 + 0.4 * random(2), 0.3 + 0.4 * random(3));
    let distance = (across - across.floor() - x).powi(2) + (up - up.floor() - y).powi(2);
    let twinkle = 0.75 + 0.25 * (time * (1.5 + 3.0 * random(4)) + TAU * random(5)).sin();
    let brightness = (0.05 + 1.3 * random(6).powi(9)) * twinkle * (-distance * 110.0).exp();
    mix(vec3(0.75, 0.85, 1.0), vec3(1.0, 0.88, 0.72), random(7)) * (brightness * visible)
}

fn with_moon(color: Vec3, direction: Vec3) -> Vec3 {
    let moon = MOON.normalized();
    let right = moon.cross(vec3(0.0, 1.0, 0.0)).normalized();
    let up = right.cross(moon);
    let x = direction.dot(right) / MOON_RADIUS;
    let y = direction.dot(up) / MOON_RADIUS;
    let distance = (x * x + y * y).sqrt();
    if direction.dot(moon) <= 0.0 {
        return color;
    }
    let halo = (-distance * 0.36).exp() * 0.16 + (-distance * 0.09).exp() * 0.035;
    let mut color = color + vec3(1.0, 0.90, 0.74) * halo;
    let disc = 1.0 - smoothstep(0.96, 1.03, distance);
    if disc > 0.0 {
        let depth = (1.0 - (distance * distance).min(1.0)).sqrt();
        // Lit from below and from behind, where the sun is: a crescent with earthshine.
        let lit = vec3(x, y, depth).dot(vec3(0.50, -0.62, -0.28).normalized());
        let seas = 0.72 + 0.28 * noise(x * 2.7 + 9.0, y * 2.7 + 4.0);
        let surface = vec3(1.0, 0.94, 0.82) * (smoothstep(-0.02, 0.22, lit) * 2.1);
        let earthshine = vec3(0.012, 0.013, 0.020);
        color = mix(color, color + (surface + earthshine) * seas, disc);
    }
    color
}

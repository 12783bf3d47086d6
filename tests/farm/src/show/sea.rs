//! The sea: a mirror with waves.

use std::sync::LazyLock;

use super::beacon;
use super::island;
use super::noise::{layered, noise};
use super::sky;
use super::vector::{Vec3, mix, smoothstep, vec3};

/// The light from the water where a ray from `origin` meets it at `distance`.
pub(super) fn shade(origin: Vec3, direction: Vec3, distance: f32, time: f32, turn: f32) -> Vec3 {
    let point = origin + direction * distance;
    let normal = wave_normal(point, distance, time);
    let mut mirror = direction.reflected(normal);
    mirror.y = mirror.y.abs().max(0.004);
    let mirror = mirror.normalized();

    let facing = (-direction.dot(normal)).clamp(0.0, 1.0);
    let shine = 0.025 + 0.93 * (1.0 - facing).powi(5);
    let (seen, length) = match island::trace(point, mirror, 60.0) {
        Some(hit) => (island::shade(&hit, mirror, turn), hit.distance),
        None => (sky::mirrored(mirror, time), 120.0),
    };
    let seen = seen + beacon::in_air(point, mirror, length, turn) * 0.8;
    let depths = vec3(0.006, 0.020, 0.036) + vec3(0.010, 0.022, 0.024) * normal.x.abs();
    let water = depths + seen * shine;
    // A beam shows on the water only where a wave turns towards the lamp.
    let sparkle = smoothstep(0.1, 0.9, 0.5 + 4.0 * (normal.x + normal.z));
    let water = water + beacon::on_surface(point, turn) * (0.045 + 0.11 * sparkle);
    let water = mix(water, vec3(0.50, 0.47, 0.55), foam(point, time) * 0.55);
    mix(water, sky::haze(direction), 1.0 - (-distance * 0.0055).exp())
}

/// Waves of one length, going one way.
#[derive(Clone, Copy)]
struct Train {
    x: f32,
    z: f32,
    frequency: f32,
    pace: f32,
    steepness: f32,
}

/// From the swell to the ripples: each train is shorter, and crosses the one before.
static TRAINS: LazyLock<[Train; 8]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        let index = index as f32;
        let heading = 0.55 + 2.31 * index;
        let frequency = 0.42 * 1.63_f32.powf(index);
        Train {
            x: heading.cos(),
            z: heading.sin(),
            frequency,
            pace: 1.9 * frequency.sqrt(),
            steepness: 0.050 * 0.88_f32.powf(index),
        }
    })
});

/// The slope of a few wave trains. Far away the short ones are finer than a pixel, and fade.
fn wave_normal(point: Vec3, distance: f32, time: f32) -> Vec3 {
    let bend = noise(point.x * 0.09, point.z * 0.09 + time * 0.05) * 5.0;
    let (mut slope_x, mut slope_z) = (0.0, 0.0);
    for wave in TRAINS.iter() {
        let phase = (point.x * wave.x + point.z * wave.z) * wave.frequency + time * wave.pace + bend;
        let fade = 1.0 / (1.0 + (distance * wave.frequency * 0.0042).powi(2));
        let slope = wave.steepness * fade * phase.cos();
        slope_x += slope * wave.x;
        slope_z += slope * wave.z;
    }
    let ripple = 0.055 / (1.0 + distance * 0.07);
    slope_x += (noise(point.x * 3.1 + time * 0.8, point.z * 3.1) - 0.5) * ripple;
    slope_z += (noise(point.x * 3.1, point.z * 3.1 - time * 0.8 + 40.0) - 0.5) * ripple;
    vec3(-slope_x, 1.0, -slope_z).normalized()
}

/// White where the swell breaks on the rock.
fn foam(point: Vec3, time: f32) -> f32 {
    let depth = -island::rock_height(point.x, point.z);
    if !(-0.2..2.0).contains(&depth) {
        return 0.0;
    }
    let swell = 0.35 * (time * 1.3 + point.x * 0.4).sin();
    let edge = 1.0 - smoothstep(0.05, 0.75 + swell, depth);
    edge * smoothstep(0.35, 0.75, layered(point.x * 2.2 + time * 0.3, point.z * 2.2, 3) + edge * 0.25)
}

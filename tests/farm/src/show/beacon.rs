//! The lamp: its glow in the air, its two turning beams, and what they fall on.

use super::vector::{Vec3, smoothstep, vec3};

/// The lamp's place.
pub(super) const LANTERN: Vec3 = vec3(5.5, 12.4, 6.0);
const COLOR: Vec3 = vec3(1.0, 0.83, 0.52);

/// Light that the air sends towards `origin` on the first `length` of a ray.
pub(super) fn in_air(origin: Vec3, direction: Vec3, length: f32, turn: f32) -> Vec3 {
    let beams = beams(turn);
    let light = beams.iter().map(|&beam| one_beam(origin, direction, length, beam));
    COLOR * (glow(origin, direction, length) * 0.105 + light.sum::<f32>() + flare(origin, direction, &beams))
}

/// How a beam lights the place where it lands.
pub(super) fn on_surface(point: Vec3, turn: f32) -> Vec3 {
    let from_lamp = point - LANTERN;
    let distance = from_lamp.length();
    let flat = vec3(from_lamp.x, 0.0, from_lamp.z).normalized();
    let spot = beams(turn).iter().fold(0.0, |sum: f32, beam| {
        let off = 1.0 - flat.dot(vec3(beam.x, 0.0, beam.z).normalized());
        sum + (-off * 190.0).exp()
    });
    COLOR * (spot * smoothstep(7.0, 16.0, distance) * 10.0 / (10.0 + distance))
}

fn beams(turn: f32) -> [Vec3; 2] {
    let (sin, cos) = turn.sin_cos();
    [vec3(cos, -0.045, sin).normalized(), vec3(-cos, -0.045, -sin).normalized()]
}

/// A light that falls off with the square of the distance, summed along the ray in closed form.
fn glow(origin: Vec3, direction: Vec3, length: f32) -> f32 {
    let from_lamp = origin - LANTERN;
    let b = direction.dot(from_lamp);
    let nearest = (from_lamp.dot(from_lamp) - b * b).max(0.02).sqrt();
    (((length + b) / nearest).atan() - (b / nearest).atan()) / nearest
}

/// A soft cone around a line. The ray passes the line once, so the closest approach says it all:
/// how far off, how wide the cone is there, and how long the ray stays inside.
fn one_beam(origin: Vec3, direction: Vec3, length: f32, beam: Vec3) -> f32 {
    let between = origin - LANTERN;
    let along = direction.dot(beam);
    let sin_squared = (1.0 - along * along).max(1e-4);
    let (d, e) = (direction.dot(between), beam.dot(between));
    let on_beam = (e - along * d) / sin_squared;
    let on_ray = ((along * e - d) / sin_squared).clamp(0.0, length);
    let on_beam = on_beam.clamp(0.0, 400.0);
    let apart = (origin + direction * on_ray - LANTERN - beam * on_beam).length();
    let width = 0.30 + on_beam * 0.040;
    let profile = (-(apart / width).powi(2)).exp();
    let inside = width / (sin_squared.sqrt() + 0.06);
    let thinning = 1.0 / (0.35 + on_beam).powf(1.05);
    profile * inside * thinning * (-on_beam * 0.010).exp() * smoothstep(0.0, 1.4, on_beam) * 2.6
}

/// For a moment a beam looks straight into the eye.
fn flare(origin: Vec3, direction: Vec3, beams: &[Vec3; 2]) -> f32 {
    let to_eye = (origin - LANTERN).normalized();
    let facing = beams.iter().map(|beam| beam.dot(to_eye).max(0.0).powi(260)).sum::<f32>();
    if facing < 1e-4 {
        return 0.0;
    }
    let towards_lamp = (to_eye * -1.0).dot(direction).max(0.0);
    facing * (towards_lamp.powf(350.0) * 0.8 + towards_lamp.powf(40.0) * 0.16)
}

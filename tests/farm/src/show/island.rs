//! The island: rock, a lighthouse and its keeper's house, as signed distances.

use super::beacon::{self, LANTERN};
use super::noise::{layered, noise};
use super::sky::SUN;
use super::vector::{Vec3, mix, smoothstep, vec3};

const TOWER: Vec3 = vec3(5.5, 2.7, 6.0);
const HOUSE: Vec3 = vec3(2.5, 3.15, 5.5);
/// The sphere that holds everything; rays that miss it need no march.
const CENTER: Vec3 = vec3(4.7, 5.6, 6.0);
const RADIUS: f32 = 10.6;
const STEPS: u32 = 72;

#[derive(Clone, Copy, PartialEq)]
enum Material {
    Rock,
    Tower,
    Metal,
    Glass,
    Wall,
    Roof,
}

/// Where a ray ends on the island.
pub(super) struct Hit {
    pub(super) distance: f32,
    point: Vec3,
    material: Material,
}

/// Follows a ray from `origin`; no hit beyond `limit`.
pub(super) fn trace(origin: Vec3, direction: Vec3, limit: f32) -> Option<Hit> {
    let to_center = origin - CENTER;
    let b = to_center.dot(direction);
    let discriminant = b * b - to_center.dot(to_center) + RADIUS * RADIUS;
    if discriminant <= 0.0 {
        return None;
    }
    let end = (discriminant.sqrt() - b).min(limit);
    let mut distance = (-b - discriminant.sqrt()).max(0.02);
    for _ in 0..STEPS {
        if distance > end {
            return None;
        }
        let point = origin + direction * distance;
        let (step, material) = nearest(point);
        if step < 0.0008 * distance.max(4.0) {
            return Some(Hit { distance, point, material });
        }
        distance += step;
    }
    None
}

/// The light that the hit sends back along `direction`; `turn` is the beacon's angle.
pub(super) fn shade(hit: &Hit, direction: Vec3, turn: f32) -> Vec3 {
    let point = hit.point;
    if hit.material == Material::Glass {
        return glass(point);
    }
    let normal = normal(point);
    let (albedo, glow) = surface(hit.material, point, normal);
    let sun = vec3(SUN.x, 0.10, SUN.z).normalized();
    let wrapped = ((normal.dot(sun) + 0.30) / 1.30).max(0.0);
    let sky_light = 0.55 + 0.45 * normal.y;
    let open = smoothstep(-0.4, 2.6, point.y) * 0.6 + 0.4;
    let rim = (1.0 + direction.dot(normal)).max(0.0).powi(4) * direction.dot(sun).max(0.0);
    let to_lantern = LANTERN - point;
    let reach = to_lantern.dot(to_lantern);
    let from_lantern = normal.dot(to_lantern.normalized()).max(0.0) / (1.0 + reach * 0.55);
    // The lamp's own glow does not reach through the gallery's floor.
    let under_gallery =
        smoothstep(9.0, 11.9, point.y).max(smoothstep(1.2, 4.0, (point - TOWER).flat_length()));
    let light = vec3(1.25, 0.50, 0.25) * (wrapped * 0.95)
        + vec3(0.13, 0.15, 0.32) * (sky_light * open)
        + vec3(1.3, 0.55, 0.30) * (rim * 0.9)
        + vec3(1.0, 0.78, 0.42) * (from_lantern * under_gallery * 5.0)
        + beacon::on_surface(point, turn) * (normal.dot(to_lantern.normalized()).max(0.0) * 0.6);
    albedo * light + glow
}

/// The rock's height over the sea, below zero in the water.
pub(super) fn rock_height(x: f32, z: f32) -> f32 {
    let (dx, dz) = ((x - 4.6) / 8.4, (z - 6.2) / 5.6);
    let from_middle = dx * dx + dz * dz;
    if from_middle > 1.9 {
        return 2.6 * (1.0 - from_middle);
    }
    let rough = layered(x * 0.62 + 31.0, z * 0.62 + 7.0, 4);
    let ridge = 1.0 - (2.0 * noise(x * 0.9 + 3.0, z * 0.9 + 50.0) - 1.0).abs();
    let wild = 3.3 * (1.0 - from_middle) + (rough - 0.5) * 3.4 + (ridge - 0.5) * 0.9;
    let flat = 2.75 + (rough - 0.5) * 0.35;
    // The builders levelled the top.
    let level = 1.0 - smoothstep(0.10, 0.42, from_middle);
    wild + (flat - wild) * level
}

fn nearest(point: Vec3) -> (f32, Material) {
    let rock = if point.y > 5.2 { point.y - 4.6 } else { (point.y - rock_height(point.x, point.z)) * 0.52 };
    let mut best = (rock, Material::Rock);
    let mut consider = |distance: f32, material| {
        if distance < best.0 {
            best = (distance, material);
        }
    };
    let local = point - TOWER;
    let axis = local.flat_length();
    let beside = axis - 1.75;
    if beside > 1.0 {
        consider(beside, Material::Tower);
    } else {
        let radius = 1.22 - 0.048 * local.y + 0.30 * (-local.y * 1.6).exp().min(2.0);
        consider(capped(axis - radius, local.y - 4.4, 4.5) * 0.96, Material::Tower);
        consider(capped(axis - 1.28, local.y - 8.92, 0.10), Material::Metal);
        consider(capped((axis - 1.20).abs() - 0.022, local.y - 9.42, 0.022), Material::Metal);
        consider(capped((axis - 1.20).abs() - 0.016, local.y - 9.22, 0.016), Material::Metal);
        consider(capped(axis - 0.62, local.y - 9.70, 0.70), Material::Glass);
        let dome_radius = 0.86 * (1.0 - ((local.y - 10.40) / 0.72).clamp(0.0, 1.0).powi(2)).max(0.0).sqrt();
        consider(capped(axis - dome_radius, local.y - 10.74, 0.36) * 0.7, Material::Metal);
        consider((vec3(local.x, local.y - 11.20, local.z)).length() - 0.13, Material::Metal);
        consider(capped(axis - 0.022, local.y - 11.6, 0.45), Material::Metal);
    }
    let house = point - HOUSE;
    let walls = cuboid(house, vec3(1.25, 0.75, 0.85));
    if walls > 1.5 {
        consider(walls - 0.9, Material::Wall);
    } else {
        consider(walls, Material::Wall);
        let slope = (house.y - 1.50) * 0.78 + house.z.abs() * 0.63;
        let roof = slope.max(0.55 - house.y).max(house.x.abs() - 1.42).max(house.z.abs() - 1.12);
        consider(roof * 0.95, Material::Roof);
        consider(cuboid(house - vec3(0.75, 1.35, 0.1), vec3(0.16, 0.42, 0.16)), Material::Wall);
    }
    best
}

fn capped(radial: f32, along: f32, half_length: f32) -> f32 {
    let vertical = along.abs() - half_length;
    let outside = (radial.max(0.0).powi(2) + vertical.max(0.0).powi(2)).sqrt();
    radial.max(vertical).min(0.0) + outside
}

fn cuboid(point: Vec3, half: Vec3) -> f32 {
    let q = vec3(point.x.abs() - half.x, point.y.abs() - half.y, point.z.abs() - half.z);
    vec3(q.x.max(0.0), q.y.max(0.0), q.z.max(0.0)).length() + q.x.max(q.y).max(q.z).min(0.0)
}

fn normal(point: Vec3) -> Vec3 {
    const STEP: f32 = 0.012;
    let corners = [vec3(1.0, -1.0, -1.0), vec3(-1.0, -1.0, 1.0), vec3(-1.0, 1.0, -1.0), vec3(1.0, 1.0, 1.0)];
    let sum =
        corners.iter().fold(Vec3::default(), |sum, &corner| sum + corner * nearest(point + corner * STEP).0);
    sum.normalized()
}

/// Colour, and light of its own.
fn surface(material: Material, point: Vec3, normal: Vec3) -> (Vec3, Vec3) {
    let dark = Vec3::default();
    match material {
        Material::Rock => {
            let grain = layered(point.x * 2.4 + point.y, point.z * 2.4 - point.y * 1.7, 3);
            let stone = mix(vec3(0.075, 0.066, 0.070), vec3(0.21, 0.175, 0.16), grain);
            let wet = 1.0 - smoothstep(0.15, 0.75, point.y + (grain - 0.5) * 0.5);
            let grass = smoothstep(0.72, 0.92, normal.y) * smoothstep(1.9, 2.5, point.y + grain * 0.5);
            let stone = mix(stone, stone * 0.32, wet);
            (mix(stone, vec3(0.065, 0.105, 0.038) * (0.6 + 0.8 * grain), grass), dark)
        }
        Material::Tower => tower(point),
        Material::Metal => (vec3(0.060, 0.055, 0.060), dark),
        Material::Roof => (vec3(0.26, 0.075, 0.050), dark),
        Material::Wall => house_wall(point),
        Material::Glass => (dark, dark),
    }
}

fn tower(point: Vec3) -> (Vec3, Vec3) {
    let local = point - TOWER;
    let band = (local.y / 1.78).rem_euclid(2.0);
    let red = smoothstep(0.985, 1.0, band) * (1.0 - smoothstep(1.985, 2.0, band));
    let paint = mix(vec3(0.78, 0.74, 0.70), vec3(0.55, 0.062, 0.048), red);
    let weather = 0.82 + 0.18 * noise(local.x * 3.0 + local.z * 3.0, local.y * 0.8);
    // Two lit windows on the side of the sea, one over the other.
    let side = local.x + 0.42;
    let lit = [2.7, 5.4].iter().fold(0.0_f32, |lit, height| {
        let (x, y) = (side.abs() / 0.15, (local.y - height).abs() / 0.27);
        lit.max((1.0 - smoothstep(0.85, 1.1, x)) * (1.0 - smoothstep(0.88, 1.05, y)))
    });
    let front = if local.z < 0.0 { lit } else { 0.0 };
    (paint * weather, vec3(1.9, 1.05, 0.36) * front)
}

fn house_wall(point: Vec3) -> (Vec3, Vec3) {
    let local = point - HOUSE;
    let pane = |x: f32| {
        let (x, y) = ((local.x - x).abs(), (local.y - 0.08).abs());
        let frame = smoothstep(0.018, 0.034, x) * smoothstep(0.018, 0.034, y);
        (1.0 - smoothstep(0.20, 0.23, x)) * (1.0 - smoothstep(0.26, 0.29, y)) * (0.25 + 0.75 * frame)
    };
    let lit = if local.z < -0.8 { pane(-0.62).max(pane(0.52)) } else { 0.0 };
    (vec3(0.62, 0.57, 0.52), vec3(2.1, 1.10, 0.38) * lit)
}

/// The lantern room: lit panes between dark bars, brightest at the height of the lamp.
fn glass(point: Vec3) -> Vec3 {
    let local = point - TOWER;
    let around = local.x.atan2(local.z) * 10.0 / std::f32::consts::TAU;
    let bar = smoothstep(0.0, 0.05, (around - around.round()).abs() - 0.03);
    let lamp = (-((local.y - 9.70) / 0.38).powi(2)).exp();
    vec3(1.0, 0.78, 0.42) * ((0.7 + 3.6 * lamp) * (0.12 + 0.88 * bar))
}

impl Vec3 {
    /// The distance from the vertical axis.
    fn flat_length(self) -> f32 {
        (self.x * self.x + self.z * self.z).sqrt()
    }
}

//! Links the addon the way Node loads it on this platform.

fn main() {
    napi_build::setup();
}

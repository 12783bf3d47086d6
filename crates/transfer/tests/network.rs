//! What the environment says of the network is heeded: whom to trust, and which proxy to go through.

#![cfg(unix)]

mod common;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::Scene;
use common::child::Child;
use rusty_attachments_farm::{Farm, FarmOptions};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A farm that speaks TLS, with one file to be downloaded.
async fn scene(name: &str) -> Scene {
    let scene = Scene::with(name, FarmOptions { tls: true, ..FarmOptions::default() }).await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    scene
}

/// The variable that makes a process trust the farm.
fn bundle(scene: &Scene) -> (&'static str, String) {
    bundle_of(scene, scene.farm.ca_pem().unwrap())
}

fn bundle_of(scene: &Scene, pem: &str) -> (&'static str, String) {
    let path = scene.target().with_extension("pem");
    fs::write(&path, pem).unwrap();
    ("AWS_CA_BUNDLE", path.to_str().unwrap().to_owned())
}

/// Downloads in a process that has no variables of the network but these.
async fn download(scene: &Scene, variables: Vec<(&'static str, String)>) -> Value {
    let none =
        ["AWS_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"];
    let environment = none.map(|name| (name, String::new())).into_iter().chain(variables).collect();
    let answer = Child { environment, ..Child::default() }.run(scene).await;
    answer["runs"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_trusted_only_with_the_bundle_that_it_leads_to() {
    let scene = scene("tls").await;
    let another = Farm::start_with(FarmOptions { tls: true, ..FarmOptions::default() }).await.unwrap();
    for variables in [Vec::new(), vec![bundle_of(&scene, another.ca_pem().unwrap())]] {
        let refused = download(&scene, variables).await;
        let error = refused["error"].as_str().unwrap_or_else(|| panic!("{refused}"));
        assert!(error.contains("certificate"), "{error}");
        assert!(scene.farm.requests().is_empty());
    }
    let trusted = download(&scene, vec![bundle(&scene)]).await;
    assert_eq!(trusted["transferred"], 1, "{trusted}");
    assert_eq!(scene.tree()["a.txt"], b"alpha");
}

/// A proxy that opens tunnels, and how many it has opened.
async fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counted = tunnels.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(tunnel(client, counted.clone()));
        }
    });
    (address, tunnels)
}

async fn tunnel(mut client: TcpStream, tunnels: Arc<AtomicUsize>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let place = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
    let mut service = TcpStream::connect(place).await.unwrap();
    tunnels.fetch_add(1, Ordering::SeqCst);
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_is_gone_through_but_to_hosts_that_need_none() {
    let scene = scene("proxy").await;
    let (address, tunnels) = proxy().await;
    let through = ("HTTPS_PROXY", address);
    let past =
        download(&scene, vec![bundle(&scene), through.clone(), ("NO_PROXY", "127.0.0.1".into())]).await;
    assert_eq!((&past["transferred"], tunnels.load(Ordering::SeqCst)), (&1.into(), 0), "{past}");
    fs::remove_file(scene.path("a.txt")).unwrap();
    let proxied = download(&scene, vec![bundle(&scene), through]).await;
    assert_eq!(proxied["transferred"], 1, "{proxied}");
    assert!(tunnels.load(Ordering::SeqCst) > 0);
    assert_eq!(scene.tree()["a.txt"], b"alpha");
}

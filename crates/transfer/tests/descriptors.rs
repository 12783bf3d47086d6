//! Clients that follow one another in a process that may open few files.
#![cfg(unix)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use rusty_attachments_transfer::{Client, Credentials, CredentialsSource, S3Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const ALLOWED: usize = 512;
const AT_ONCE: usize = 100;
const CLIENTS: usize = 3;

/// Answers any number of requests, but none before `AT_ONCE` of them are there.
async fn converse(mut stream: TcpStream, all_here: Arc<Barrier>) {
    let mut request = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        request.push(byte);
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            all_here.wait().await;
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx").await.is_err() {
                return;
            }
        }
    }
}

#[tokio::test]
async fn what_clients_leave_open_is_a_small_share_of_what_may_be_open() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: Some(ALLOWED as u64), ..limit }).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (open, all_here) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(AT_ONCE)));
    let counted = open.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (counted, all_here) = (counted.clone(), all_here.clone());
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                converse(stream, all_here).await;
                counted.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });

    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        let settings =
            S3Settings { bucket: "b".into(), endpoint: Some(endpoint.clone()), ..S3Settings::default() };
        let credentials = Credentials {
            access_key_id: "k".into(),
            secret_access_key: "s".into(),
            session_token: None,
            expiration: None,
        };
        let client = Arc::new(Client::new(settings, CredentialsSource::Static(credentials)).unwrap());
        let get = |client: Arc<Client>| async move { client.get("k").await?.read_to_end(1).await };
        let mut gets: JoinSet<_> = (0..AT_ONCE).map(|_| get(client.clone())).collect();
        while let Some(got) = gets.join_next().await {
            got.unwrap().unwrap();
        }
        clients.push(client);
        let share = number * ALLOWED / 8;
        let falls = async {
            while open.load(Ordering::SeqCst) > share {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Far sooner than the time after which idle connections end by themselves.
        let fell = tokio::time::timeout(Duration::from_secs(5), falls).await;
        assert!(fell.is_ok(), "{} of {share} are open", open.load(Ordering::SeqCst));
    }
}

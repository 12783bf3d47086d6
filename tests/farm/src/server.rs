//! The HTTP server: accepts on the loopback interface until it is told to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::gate::Gate;
use crate::wire::{Reset, Wire};

/// How long requests that are under way may go on after the stop.
const LAST_ORDERS: Duration = Duration::from_secs(2);
/// How long the server waits before it tries again what the system refused.
const MOMENT: Duration = Duration::from_millis(10);

/// A running server. Dropping it stops it: nothing new is accepted, what is under way may finish.
pub(crate) struct Server {
    port: u16,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `127.0.0.1:port`; port 0 takes a free one. For each of `outages`, it does not
    /// listen for so long.
    pub(crate) async fn start(
        port: u16,
        tls: Option<TlsAcceptor>,
        gate: Gate,
        outages: mpsc::UnboundedReceiver<Duration>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let port = listener.local_addr()?.port();
        let (stop, stopped) = oneshot::channel();
        let door = Arc::new(Door { tls, gate });
        let task = tokio::spawn(serve(listener, port, door, outages, stopped));
        Ok(Self { port, stop, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Stops and waits until what was under way has finished, at most [`LAST_ORDERS`].
    pub(crate) async fn stop(self) {
        drop(self.stop);
        // The task can only fail by panicking, and then it has stopped as well.
        let _ = self.task.await;
    }
}

/// What every connection passes.
struct Door {
    tls: Option<TlsAcceptor>,
    gate: Gate,
}

async fn serve(
    mut listener: TcpListener,
    port: u16,
    door: Arc<Door>,
    mut outages: mpsc::UnboundedReceiver<Duration>,
    mut stopped: oneshot::Receiver<()>,
) {
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            // The sender sends nothing: its end is the message.
            _ = &mut stopped => break,
            Some(duration) = outages.recv() => {
                drop(listener);
                tokio::select! {
                    _ = &mut stopped => break,
                    again = listen_after(duration, port) => listener = again,
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(connect(stream, Arc::clone(&door), connections.watcher()));
                }
                // Out of file descriptors, most likely: give connections a moment to close.
                Err(_) => tokio::time::sleep(MOMENT).await,
            },
        }
    }
    let _ = tokio::time::timeout(LAST_ORDERS, connections.shutdown()).await;
}

async fn listen_after(outage: Duration, port: u16) -> TcpListener {
    tokio::time::sleep(outage).await;
    loop {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(MOMENT).await,
        }
    }
}

async fn connect(stream: TcpStream, door: Arc<Door>, watcher: Watcher) {
    // Without this, small answers wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let (wire, reset) = Wire::new(stream);
    match &door.tls {
        None => converse(wire, reset, &door, watcher).await,
        Some(tls) => {
            // A client that does not trust the farm says so itself.
            if let Ok(stream) = tls.accept(wire).await {
                converse(stream, reset, &door, watcher).await;
            }
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    reset: Reset,
    door: &Arc<Door>,
    watcher: Watcher,
) {
    let service = service_fn(|request| {
        let (door, reset) = (Arc::clone(door), reset.clone());
        async move { door.gate.answer(request, &reset).await }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client that hangs up in mid-answer is its own business.
    let _ = watcher.watch(connection).await;
}

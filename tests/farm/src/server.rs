//! The HTTP server: accepts on the loopback interface until it is told to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::gate::Gate;

/// How long requests that are under way may go on after the stop.
const LAST_ORDERS: Duration = Duration::from_secs(2);

/// A running server. Dropping it stops it: nothing new is accepted, what is under way may finish.
pub(crate) struct Server {
    port: u16,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `127.0.0.1:port`; port 0 takes a free one.
    pub(crate) async fn start(port: u16, gate: Gate) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let port = listener.local_addr()?.port();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, Arc::new(gate), stopped));
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

async fn serve(listener: TcpListener, gate: Arc<Gate>, mut stopped: oneshot::Receiver<()>) {
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            // The sender sends nothing: its end is the message.
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connect(stream, &gate, &connections),
                // Out of file descriptors, most likely: give connections a moment to close.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(LAST_ORDERS, connections.shutdown()).await;
}

fn connect(stream: TcpStream, gate: &Arc<Gate>, connections: &GracefulShutdown) {
    // Without this, small answers wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let gate = Arc::clone(gate);
    let service = service_fn(move |request| {
        let gate = Arc::clone(&gate);
        async move { gate.answer(request).await }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // A client that hangs up in mid-answer is its own business.
        let _ = connection.await;
    });
}

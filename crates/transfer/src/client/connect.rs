//! The pool of connections: its timeouts, its proxy and whose certificates it trusts.

use std::time::Duration;

use reqwest::{Certificate, ClientBuilder};
use rusty_attachments_core::{Error, ErrorCode, Result};

use super::settings::variable;
use crate::descriptors::open_files_allowed;

/// A body or answer that brings nothing for so long has stalled.
pub(crate) const IDLE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(10);
/// S3 closes idle connections soon after; one that is closed while it is taken costs a retry.
const KEEP_IDLE_CONNECTION: Duration = Duration::from_secs(15);

/// As many as are ever in use at once.
const MOST_IDLE: usize = 512;

/// A client that trusts `AWS_CA_BUNDLE`, otherwise what the system trusts, otherwise Mozilla's list: slim
/// containers have no list of their own, and Node brings one too. Proxies are those of the environment.
pub(crate) fn connect(idle: Duration) -> Result<reqwest::Client> {
    // Whoever installed a provider before keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = match variable("AWS_CA_BUNDLE") {
        Some(path) => builder(idle).tls_certs_only(read_bundle(&path)?).build(),
        None => builder(idle).build().or_else(|_| builder(idle).tls_certs_only(mozilla()?).build()),
    };
    client.map_err(|cause| {
        Error::new(ErrorCode::Network, format!("No HTTP client can be made: {cause}")).caused_by(cause)
    })
}

fn builder(idle: Duration) -> ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("rusty-attachments/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .read_timeout(idle)
        .pool_idle_timeout(KEEP_IDLE_CONNECTION)
        .pool_max_idle_per_host(most_idle(open_files_allowed()))
        .tcp_nodelay(true)
}

/// How many connections may wait for a next request. Clients come and go, and what one has left open lingers: a
/// few of them together must not take the descriptors that the next one needs. A connection also waits while the
/// file that it brought is written, so that a much smaller share would have a run open most of them anew.
fn most_idle(open_files_allowed: Option<usize>) -> usize {
    open_files_allowed.map_or(MOST_IDLE, |files| files / 8).clamp(1, MOST_IDLE)
}

fn read_bundle(path: &str) -> Result<Vec<Certificate>> {
    let wrong = |cause: String| {
        Error::new(ErrorCode::Io, format!("AWS_CA_BUNDLE={path} cannot be used ({cause}). Name a PEM file."))
            .with("path", path)
    };
    let pem = std::fs::read(path).map_err(|cause| wrong(cause.to_string()))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if certificates.is_empty() => Err(wrong("it holds no certificate".into())),
        Ok(certificates) => Ok(certificates),
        Err(cause) => Err(wrong(cause.to_string())),
    }
}

fn mozilla() -> reqwest::Result<Vec<Certificate>> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|root| Certificate::from_der(root)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_certificates_has_mozilla_s() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        assert!(builder(IDLE).tls_certs_only(mozilla().unwrap()).build().is_ok());
    }

    #[test]
    fn idle_connections_take_a_small_share_of_the_descriptors() {
        assert_eq!((most_idle(Some(1_024)), most_idle(Some(1 << 20)), most_idle(None)), (128, 512, 512));
    }

    #[test]
    fn a_bundle_that_is_none_is_named() {
        for path in ["/nowhere.pem", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
            let error = read_bundle(path).unwrap_err();
            assert_eq!((error.code, &error.details["path"]), (ErrorCode::Io, &path.into()));
        }
    }
}

//! TLS with a certificate authority that lives as long as the farm.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Accepts TLS as `127.0.0.1` and `localhost`.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// The certificate that clients must trust.
    pub(crate) ca_pem: String,
}

impl Tls {
    pub(crate) fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        // Not one certificate that signs itself: clients refuse an authority that serves.
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "rusty-attachments test farm");
        let key = KeyPair::generate()?;
        let ca = authority.self_signed(&key)?;
        let issuer = Issuer::new(authority, key);

        let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
        server.subject_alt_names.push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &issuer)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem: ca.pem() })
    }
}

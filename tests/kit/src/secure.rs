//! TLS for a stand-in receiver, with its own certificate authority.
//!
//! The receiver offers HTTP/1.1 and HTTP/2 and refuses clients without a certificate of the
//! authority.

use std::sync::Arc;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// The certificates and key of a client, in PEM format.
#[derive(Debug, Clone)]
pub struct Papers {
    /// The certificate of the authority.
    pub root: String,
    /// The client's certificate.
    pub certificate: String,
    /// The client's private key.
    pub key: String,
}

/// Creates the configuration of a receiver on loopback and the certificates of its clients.
pub(crate) fn issue() -> Result<(TlsAcceptor, Papers)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key)?;
    let authority = Issuer::new(params, key);

    let mut caller = CertificateParams::default();
    caller.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let caller_key = KeyPair::generate()?;
    let caller = caller.signed_by(&caller_key, &authority)?;
    let papers = Papers {
        root: root.pem(),
        certificate: caller.pem(),
        key: caller_key.serialize_pem(),
    };

    let own_key = KeyPair::generate()?;
    let own =
        CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&own_key, &authority)?;
    let own_key = PrivateKeyDer::try_from(own_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let mut callers = RootCertStore::empty();
    callers.add(root.der().clone())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(callers), Arc::clone(&provider))
            .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![own.der().clone()], own_key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), papers))
}

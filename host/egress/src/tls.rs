//! TLS: which certificates are trusted, which client certificate is presented, and which HTTP
//! version is offered (ALPN).

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use crate::error::{Cause, Error};
use crate::policy::{Identity, Policy};

/// The roots that all policies of a door trust.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    roots: RootCertStore,
    /// The configuration for policies without certificates of their own.
    shared: Arc<ClientConfig>,
}

impl Trust {
    /// Loads the roots of the platform and adds `roots`.
    pub(crate) fn new(roots: &[Vec<u8>]) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        // Platforms contain old roots that cannot be parsed. They are skipped.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if store.is_empty() {
            tracing::warn!(
                target: "hookyard::egress",
                "no root certificates found on this machine; https requests fail until some are installed"
            );
        }

        add_roots(&mut store, roots)?;
        let shared = client_config(store.clone(), None)?;
        Ok(Self {
            roots: store,
            shared,
        })
    }

    /// Returns the configuration for a policy. A policy with certificates of its own gets a new
    /// configuration, so that it shares no TLS session with other policies.
    pub(crate) fn tls_config(&self, policy: &Policy) -> Result<Arc<ClientConfig>, Error> {
        if policy.roots.is_empty() && policy.identity.is_none() {
            return Ok(Arc::clone(&self.shared));
        }

        let mut roots = self.roots.clone();
        add_roots(&mut roots, &policy.roots)?;
        client_config(roots, policy.identity.as_ref())
    }
}

/// Checks the root certificates and the client certificate of a policy, so that a configuration can
/// be refused early.
///
/// # Errors
///
/// Returns [`Error::Roots`] or [`Error::Identity`].
pub fn check_policy(policy: &Policy) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    add_roots(&mut roots, &policy.roots)?;
    client_config(roots, policy.identity.as_ref())?;
    Ok(())
}

fn client_config(
    roots: RootCertStore,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, Error> {
    let builder = config_builder(roots)?;
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = read_identity(identity)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| Error::Identity(Some(error.into())))?
        }
    };

    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn config_builder(
    roots: RootCertStore,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Setup)?;
    Ok(builder.with_root_certificates(roots))
}

fn read_identity(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    // The parser's errors are dropped, because they may quote the file, and the file contains a
    // key.
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&identity.certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| Error::Identity(None))?;
    if chain.is_empty() {
        return Err(Error::Identity(None));
    }

    let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(|_| Error::Identity(None))?;
    Ok((chain, key))
}

fn add_roots(store: &mut RootCertStore, texts: &[Vec<u8>]) -> Result<(), Error> {
    for (index, pem) in texts.iter().enumerate() {
        let error = |source: Option<Cause>| Error::Roots {
            number: index + 1,
            source,
        };

        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|cause| error(Some(cause.into())))?;
        if certificates.is_empty() {
            return Err(error(None));
        }

        for certificate in certificates {
            store
                .add(certificate)
                .map_err(|cause| error(Some(cause.into())))?;
        }
    }
    Ok(())
}

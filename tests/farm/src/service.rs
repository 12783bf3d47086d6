//! Which service a request is for, and who may ask it.

use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use sha2::{Digest, Sha256};

use crate::access::{Guard, Known, header};
use crate::refusal::Refusal;
use crate::signed::Signed;

/// What all addresses of Deadline Cloud start with.
pub(crate) const DEADLINE: &str = "/2023-10-12/";

/// The services that answer on the farm's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Deadline,
    Sts,
}

impl Service {
    pub(crate) fn of(head: &Parts) -> Self {
        match head.uri.path() {
            path if path.starts_with(DEADLINE) => Self::Deadline,
            // S3 has no operation there.
            "/" if head.method == http::Method::POST => Self::Sts,
            _ => Self::S3,
        }
    }

    /// The name that signatures are made for.
    fn signing_name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Deadline => "deadline",
            Self::Sts => "sts",
        }
    }

    /// The code that tells a client that its clock is wrong.
    pub(crate) fn too_skewed(self) -> &'static str {
        match self {
            Self::S3 => "RequestTimeTooSkewed",
            Self::Deadline => "InvalidSignatureException",
            Self::Sts => "SignatureDoesNotMatch",
        }
    }

    /// Checks the signature in the headers, for services other than S3, whose library has its own
    /// check and refuses all other names. Says who signed.
    pub(crate) fn authenticate(
        self,
        head: &Parts,
        body: &[u8],
        signed: &Signed,
        guard: &Guard,
    ) -> Result<Known, Refusal> {
        let Some(access_key_id) = &signed.access_key_id else {
            return Err(self.refusal("MissingAuthenticationToken", "The request is not signed."));
        };
        let Some(known) = guard.known(access_key_id) else {
            return Err(self.refusal("UnrecognizedClient", "The security token is invalid."));
        };
        if signed.service.as_deref() != Some(self.signing_name()) {
            let message =
                format!("Credential should be scoped to correct service: '{}'.", self.signing_name());
            return Err(self.refusal("InvalidSignature", message));
        }
        if signature(head, body, &known.credentials.secret_access_key).is_none_or(|valid| !valid) {
            // The services say what should have been signed, in full.
            let token = header(&head.headers, "x-amz-security-token").unwrap_or_default();
            let message = format!(
                "The signature does not match the one calculated here.\n\nSigned headers:\nx-amz-security-token:{token}"
            );
            return Err(self.refusal("InvalidSignature", message));
        }
        let token = known.credentials.session_token.as_deref();
        if token.is_some() && token != header(&head.headers, "x-amz-security-token") {
            return Err(self.refusal("UnrecognizedClient", "The security token is invalid."));
        }
        if known.has_expired() {
            return Err(self.refusal("ExpiredToken", "The security token has expired."));
        }
        Ok(known)
    }

    /// Deadline Cloud's codes end in `Exception`, and STS has older names for two.
    fn refusal(self, code: &str, message: impl Into<String>) -> Refusal {
        let code = match (self, code) {
            (Self::Sts, "UnrecognizedClient") => "InvalidClientTokenId".to_owned(),
            (Self::Sts, "InvalidSignature") => "SignatureDoesNotMatch".to_owned(),
            (Self::Sts, code) => code.to_owned(),
            (_, code) => format!("{code}Exception"),
        };
        Refusal::new(403, code, message)
    }
}

/// Whether the `Authorization` header's AWS Signature Version 4 belongs to this request and secret;
/// None where it is not to be understood.
fn signature(head: &Parts, body: &[u8], secret: &str) -> Option<bool> {
    let authorization = header(&head.headers, "authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let field = |name: &str| {
        authorization.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let (_, scope) = field("Credential")?.split_once('/')?;
    let names = field("SignedHeaders")?;
    // What is not signed could be anything.
    if !names.split(';').any(|name| name == "host") {
        return Some(false);
    }

    // The path is encoded once more than it was sent. It is made of ids, so only that can matter.
    let path = urlencoding::encode(head.uri.path()).replace("%2F", "/");
    let mut query: Vec<_> = head.uri.query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    let mut request = format!("{}\n{path}\n{}\n", head.method, query.join("&"));
    for name in names.split(';') {
        let value = header(&head.headers, name)?.split_whitespace().collect::<Vec<_>>().join(" ");
        request += &format!("{name}:{value}\n");
    }
    request += &format!("\n{names}\n{}", hex(&Sha256::digest(body)));

    let time = header(&head.headers, "x-amz-date")?;
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let key = scope.split('/').try_fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part))?;
    Some(hex(&mac(&key, &text)?) == field("Signature")?)
}

fn mac(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! What nobody can beat with this HTTP library: a bare signed GET per object, at a fixed concurrency,
//! written straight to its final file. No listing, no hash, no temporary file, no time, no retry.
//!
//! `npm run bench -- transfer` runs it beside the product:
//!
//! ```text
//! floor get LIST DIRECTORY BUCKET CONCURRENCY
//! floor metadata LIST DIRECTORY
//! ```
//!
//! LIST has one object a line: its key, a tab, its path below DIRECTORY. Where DIRECTORY is `-`, bytes are
//! read and dropped. Endpoint, region, credentials
//! and certificates are those of the usual `AWS_*` variables. One line of JSON says what it took.

use std::collections::HashSet;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Request, Url};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The SHA-256 of no bytes.
const EMPTY_BODY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn main() -> Result<()> {
    // `cargo bench` gives every bench an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let idle = memory("VmRSS:");
    let took = match arguments[..] {
        ["get", list, directory, bucket, concurrency] => {
            get(&read(list, directory)?, directory != "-", bucket, concurrency.parse()?)?
        }
        ["metadata", list, directory] => metadata(&read(list, directory)?)?,
        _ => {
            println!("usage: floor get LIST DIRECTORY BUCKET CONCURRENCY | floor metadata LIST DIRECTORY");
            return Ok(());
        }
    };
    println!(
        r#"{{"seconds":{},"idle":{idle},"peak":{},"cpu":{}}}"#,
        took.as_secs_f64(),
        memory("VmHWM:"),
        processor_seconds()
    );
    Ok(())
}

struct Wanted {
    key: String,
    path: PathBuf,
}

fn read(list: &str, directory: &str) -> Result<Vec<Wanted>> {
    let lines = std::fs::read_to_string(list)?;
    let wanted = |line: &str| {
        let (key, path) = line.split_once('\t').ok_or("a line without a tab")?;
        Ok(Wanted { key: key.to_owned(), path: Path::new(directory).join(path) })
    };
    lines.lines().map(wanted).collect()
}

fn metadata(wanted: &[Wanted]) -> Result<Duration> {
    let start = Instant::now();
    for Wanted { path, .. } in wanted {
        std::fs::metadata(path)?.modified()?;
    }
    Ok(start.elapsed())
}

fn get(wanted: &[Wanted], keep: bool, bucket: &str, concurrency: usize) -> Result<Duration> {
    let start = Instant::now();
    let path = |one: &Wanted| keep.then(|| one.path.clone());
    let directories: HashSet<&Path> = wanted.iter().filter_map(|one| one.path.parent()).collect();
    for directory in directories.into_iter().filter(|_| keep) {
        std::fs::create_dir_all(directory)?;
    }
    let service = Arc::new(Service::new(bucket)?);
    let wanted: Arc<[(String, Option<PathBuf>)]> =
        wanted.iter().map(|one| (one.key.clone(), path(one))).collect();
    let next = Arc::new(AtomicUsize::new(0));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let workers: Vec<_> = (0..concurrency)
            .map(|_| {
                let (service, wanted, next) = (Arc::clone(&service), Arc::clone(&wanted), Arc::clone(&next));
                tokio::spawn(async move {
                    while let Some((key, path)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                        service.get(key, path.as_deref()).await?;
                    }
                    Ok::<_, Box<dyn Error + Send + Sync>>(())
                })
            })
            .collect();
        for worker in workers {
            worker.await??;
        }
        Ok(start.elapsed())
    })
}

struct Service {
    client: Client,
    bucket: String,
    region: String,
    credentials: Credentials,
}

impl Service {
    fn new(bucket: &str) -> Result<Self> {
        // Fails only where there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder().tcp_nodelay(true);
        if let Ok(bundle) = std::env::var("AWS_CA_BUNDLE") {
            client = client.tls_certs_only(Certificate::from_pem_bundle(&std::fs::read(bundle)?)?);
        }
        let (key, secret) = (std::env::var("AWS_ACCESS_KEY_ID")?, std::env::var("AWS_SECRET_ACCESS_KEY")?);
        Ok(Self {
            client: client.build()?,
            bucket: format!("{}/{bucket}", std::env::var("AWS_ENDPOINT_URL")?),
            region: std::env::var("AWS_REGION")?,
            credentials: Credentials::new(key, secret, None, None, "floor"),
        })
    }

    async fn get(&self, key: &str, path: Option<&Path>) -> Result<()> {
        let mut request = Request::new(reqwest::Method::GET, Url::parse(&format!("{}/{key}", self.bucket))?);
        self.sign(&mut request)?;
        let mut answer = self.client.execute(request).await?.error_for_status()?;
        let mut file = path.map(std::fs::File::create).transpose()?;
        while let Some(bytes) = answer.chunk().await? {
            if let Some(file) = &mut file {
                file.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    fn sign(&self, request: &mut Request) -> Result<()> {
        let identity = self.credentials.clone().into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()?
            .into();
        let body = SignableBody::Precomputed(EMPTY_BODY.into());
        let signable = SignableRequest::new("GET", request.url().as_str(), std::iter::empty(), body)?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        for header in instructions.into_parts().0 {
            let value = HeaderValue::from_str(header.value())?;
            request.headers_mut().insert(HeaderName::from_static(header.name()), value);
        }
        Ok(())
    }
}

/// One of the kernel's numbers about this process's memory, in bytes; 0 where there is no /proc.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

/// What all processors spent on this process; 0 where there is no /proc.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, in hundredths of a second. The name in field 2 may hold blanks.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

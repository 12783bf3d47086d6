//! `farm`: the embedded farm as a program, for tests and demos in other languages.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use rusty_attachments_farm::outputs::QueueLocation;
use rusty_attachments_farm::show::{FRAMES, HEIGHT, Show, WIDTH};
use rusty_attachments_farm::{ACCOUNT_ID, Farm, FarmOptions, REGION, Work};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const HELP: &str = "\
S3, Deadline Cloud and STS for tests, on 127.0.0.1 only, with everything in memory.

Usage: farm [--show] [--work <NAME:FILES:BYTES[:TASKS]>]... [--history <FILE>] [--tls] [--port <PORT>]

  --show         fill the farm with a rendered job to download
  --work <...>   add a job of so many files, each so long, over so many tasks (default: one)
  --history <F>  what happens in the queue, as JSON; its first step happens at once
  --tls          speak TLS, with a certificate authority made for this run
  --port <PORT>  listen on this port (default: a free one)
  --help         print this

Once ready, it prints one line of JSON that says how to reach it: endpoint, region, credentials,
account id, bucket, the queue's ids and, with --show, what the job's ids are and how its storage
profile looks; with --work, each job's ids under its name; with --history, the names and ids of all
jobs and storage profiles; with --tls, the path of the certificate to trust. It runs until its
standard input closes, so that it never outlives the program that started it.

Example:

  $ farm --show
  {\"endpoint\":\"http://127.0.0.1:40521\",\"region\":\"us-west-2\",\"credentials\":{...},...}
  $ curl -s http://127.0.0.1:40521/_farm/requests            # what was asked so far, unsigned
  $ curl -s -X DELETE http://127.0.0.1:40521/_farm/requests  # forget it
  $ curl -s -T - http://127.0.0.1:40521/_farm/rules <<< '[{\"effect\":{\"delay\":{\"milliseconds\":30}}}]'
  $ curl -s -X DELETE http://127.0.0.1:40521/_farm/rules     # as fast as it can again
  $ curl -s http://127.0.0.1:40521/_farm/events -d '[{\"event\":\"job\",\"name\":\"shot 1\"}]'  # happens now
  $ curl -s -X POST http://127.0.0.1:40521/_farm/history/step  # the history's next step
";

#[derive(Default)]
struct Arguments {
    show: bool,
    works: Vec<Work>,
    history: Option<PathBuf>,
    tls: bool,
    port: u16,
}

enum Command {
    Run(Arguments),
    Help,
}

fn main() -> ExitCode {
    let command = match parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(problem) => {
            eprintln!("farm: {problem}; see farm --help");
            return ExitCode::from(2);
        }
    };
    let result = match command {
        Command::Help => io::stdout().write_all(HELP.as_bytes()).map_err(Into::into),
        Command::Run(arguments) => run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("farm: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut parsed = Arguments::default();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--show" => parsed.show = true,
            "--tls" => parsed.tls = true,
            "--work" => {
                let work = arguments.next().ok_or("--work needs NAME:FILES:BYTES[:TASKS]")?;
                parsed.works.push(work.parse().map_err(|problem| format!("{problem}"))?);
            }
            "--history" => {
                parsed.history = Some(arguments.next().ok_or("--history needs a FILE")?.into());
            }
            "--port" => {
                let port = arguments.next().and_then(|port| port.parse().ok());
                parsed.port = port.ok_or("--port needs a number from 0 to 65535")?;
            }
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(format!("there is no argument {other}")),
        }
    }
    Ok(Command::Run(parsed))
}

#[tokio::main]
async fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut options = FarmOptions { port: arguments.port, tls: arguments.tls, ..FarmOptions::default() };
    let location = options.queue.clone();
    options.buckets = vec![location.bucket.clone()];
    let farm = Farm::start_with(options).await?;
    let mut introduction = introduction(&farm, &location);
    if arguments.show {
        let show = Show::render(location.clone());
        show.store_in(&farm);
        introduce_show(&mut introduction, &show);
    }
    for work in &arguments.works {
        work.store_in(&farm, &location);
        introduction["works"][&work.name] = json!({ "jobId": work.job_id(), "rootPath": work.root().path });
    }
    if let Some(path) = &arguments.history {
        let history = std::fs::read(path).map_err(|problem| format!("{}: {problem}", path.display()))?;
        let history = serde_json::from_slice(&history)
            .map_err(|problem| format!("{} is no history: {problem}", path.display()))?;
        farm.begin(history)?;
        let names = farm.names();
        introduction["jobs"] = names["jobs"].clone();
        introduction["storageProfiles"] = names["storageProfiles"].clone();
    }
    let certificate = CertificateFile::write(&farm)?;
    if let Some(CertificateFile(path)) = &certificate {
        introduction["caBundle"] = json!(path);
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{introduction}")?;
    stdout.flush()?;
    drop(stdout);
    told_to_stop().await?;
    farm.stop().await;
    Ok(())
}

fn introduction(farm: &Farm, location: &QueueLocation) -> Value {
    let credentials = farm.credentials();
    json!({
        "endpoint": farm.endpoint(),
        "region": REGION,
        "credentials": {
            "accessKeyId": credentials.access_key_id,
            "secretAccessKey": credentials.secret_access_key,
        },
        "accountId": ACCOUNT_ID,
        "bucket": location.bucket,
        "rootPrefix": location.root_prefix,
        "farmId": location.farm_id,
        "queueId": location.queue_id,
    })
}

fn introduce_show(introduction: &mut Value, show: &Show) {
    let roots = [&show.projects_root, &show.scratch_root].map(|root| {
        json!({
            "path": root.path,
            "fileSystemLocationName": root.file_system_location_name,
            "fileCount": show.final_files(root).len(),
        })
    });
    introduction["jobId"] = json!(show.job_id);
    introduction["jobName"] = json!(show.job_name);
    introduction["stepId"] = json!(show.step_id);
    introduction["jobStorageProfile"] = json!(show.storage_profile);
    introduction["assetRoots"] = json!(roots);
    introduction["frames"] = json!({ "count": FRAMES, "width": WIDTH, "height": HEIGHT });
}

/// The farm's certificate as a file, which is what other programs take; removed with the farm.
struct CertificateFile(PathBuf);

impl CertificateFile {
    fn write(farm: &Farm) -> io::Result<Option<Self>> {
        let Some(pem) = farm.ca_pem() else {
            return Ok(None);
        };
        let path = std::env::temp_dir().join(format!("rusty-attachments-farm-{}.pem", std::process::id()));
        std::fs::write(&path, pem)?;
        Ok(Some(Self(path)))
    }
}

impl Drop for CertificateFile {
    fn drop(&mut self) {
        // It is public, and in a folder for what may be lost.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Returns when standard input ends or a signal asks for the end.
async fn told_to_stop() -> io::Result<()> {
    let (closed, input_closed) = oneshot::channel();
    // A plain thread, since tokio would wait for a read of its own before it lets the process end.
    std::thread::spawn(move || {
        let mut ignored = [0; 1024];
        while matches!(io::stdin().read(&mut ignored), Ok(read) if read > 0) {}
        // Nobody listens any more if a signal came first.
        let _ = closed.send(());
    });
    tokio::select! {
        _ = input_closed => Ok(()),
        signal = tokio::signal::ctrl_c() => signal,
        signal = terminated() => signal,
    }
}

#[cfg(unix)]
async fn terminated() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> io::Result<()> {
    std::future::pending().await
}

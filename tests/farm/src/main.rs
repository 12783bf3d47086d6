//! `farm`: the embedded farm as a program, for tests and demos in other languages.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use rusty_attachments_farm::show::{FRAMES, HEIGHT, Show, WIDTH};
use rusty_attachments_farm::{Farm, FarmOptions, REGION};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const BUCKET: &str = "farm-attachments";

const HELP: &str = "\
An S3 server for tests, on 127.0.0.1 only, with everything in memory.

Usage: farm [--show] [--port <PORT>]

  --show         fill the farm with a rendered job to download
  --port <PORT>  listen on this port (default: a free one)
  --help         print this

Once ready, it prints one line of JSON that says how to reach it: endpoint, region, credentials,
bucket and, with --show, what the job's ids are and how its storage profile looks. It runs until
its standard input closes, so that it never outlives the program that started it.

Example:

  $ farm --show
  {\"endpoint\":\"http://127.0.0.1:40521\",\"region\":\"us-west-2\",\"credentials\":{...},...}
  $ curl -s http://127.0.0.1:40521/_farm/requests            # what was asked so far, unsigned
  $ curl -s -X DELETE http://127.0.0.1:40521/_farm/requests  # forget it
";

struct Arguments {
    show: bool,
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
    let mut parsed = Arguments { show: false, port: 0 };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--show" => parsed.show = true,
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
    let farm = Farm::start_with(FarmOptions {
        port: arguments.port,
        buckets: vec![BUCKET.to_owned()],
        ..FarmOptions::default()
    })
    .await?;
    let mut introduction = introduction(&farm);
    if arguments.show {
        let show = Show::render(Show::default_location(BUCKET));
        show.store_in(&farm);
        introduce_show(&mut introduction, &show);
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{introduction}")?;
    stdout.flush()?;
    drop(stdout);
    told_to_stop().await?;
    farm.stop().await;
    Ok(())
}

fn introduction(farm: &Farm) -> Value {
    let credentials = farm.credentials();
    json!({
        "endpoint": farm.endpoint(),
        "region": REGION,
        "credentials": {
            "accessKeyId": credentials.access_key_id,
            "secretAccessKey": credentials.secret_access_key,
        },
        "bucket": BUCKET,
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
    introduction["rootPrefix"] = json!(show.location.root_prefix);
    introduction["farmId"] = json!(show.location.farm_id);
    introduction["queueId"] = json!(show.location.queue_id);
    introduction["jobId"] = json!(show.job_id);
    introduction["jobName"] = json!(show.job_name);
    introduction["stepId"] = json!(show.step_id);
    introduction["jobStorageProfile"] = json!(show.storage_profile);
    introduction["assetRoots"] = json!(roots);
    introduction["frames"] = json!({ "count": FRAMES, "width": WIDTH, "height": HEIGHT });
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

//! `millrace doctor`: checks everything that the other commands need, and says what to do.

use std::time::Duration;

use anyhow::bail;
use contain::Layers;

use crate::{cli, compose, patience::Patience, temporal};

/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Checks do not wait for services.
fn once() -> Patience {
    Patience::of(Duration::ZERO)
}

/// The result of one check.
struct Finding {
    name: &'static str,
    /// What it is, or what is wrong with it and what to do.
    said: Result<String, String>,
}

/// Runs all checks; fails when one fails.
pub(crate) async fn run(args: cli::Doctor) -> anyhow::Result<()> {
    let findings = [
        ffmpeg(&args).await,
        ffprobe(&args).await,
        children(&args),
        temporal().await,
        store(&args).await,
        catalogue(&args).await,
        disk(&args),
    ];
    let wrong = findings.iter().filter(|finding| finding.said.is_err()).count();
    report(&findings);
    if wrong > 0 {
        bail!("{wrong} of {} checks failed", findings.len());
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the findings are for the terminal")]
fn report(findings: &[Finding]) {
    for Finding { name, said } in findings {
        match said {
            Ok(text) => println!("ok    {name:10}  {text}"),
            Err(text) => println!("FAIL  {name:10}  {text}"),
        }
    }
}

async fn ffmpeg(args: &cli::Doctor) -> Finding {
    let said = match ffmpeg::features(&compose::tools(&args.work)).await {
        Ok(found) if found.missing.is_empty() => Ok(found.version),
        Ok(found) => Err(format!(
            "{} lacks {}; install a full build, such as Debian's",
            found.version,
            found.missing.join(", ")
        )),
        Err(error) => Err(format!("{error}; run scripts/setup.sh, or give --ffmpeg")),
    };
    Finding { name: "ffmpeg", said }
}

async fn ffprobe(args: &cli::Doctor) -> Finding {
    let version = ffmpeg::ffprobe_version(&compose::tools(&args.work)).await;
    let said = version.map_err(|error| format!("{error}; it comes with ffmpeg, or give --ffprobe"));
    Finding { name: "ffprobe", said }
}

/// How the programs above are confined. A kernel with fewer layers is not an error.
fn children(args: &cli::Doctor) -> Finding {
    let layers = Layers::wanted(args.work.children.containment.into());
    Finding { name: "children", said: Ok(format!("held by {layers}")) }
}

/// The server that the environment names, or the program that `millrace up` starts.
async fn temporal() -> Finding {
    let connecting = tokio::time::timeout(ANSWER_WITHIN, temporal::from_environment(once())).await;
    let said = match connecting {
        Ok(Ok(Some(_))) => Ok("the server of the environment answers".to_owned()),
        Ok(Ok(None)) => temporal::version().await.map_err(|error| {
            format!(
                "{error}; run scripts/setup.sh, put `temporal` on PATH, or set TEMPORAL_ADDRESS"
            )
        }),
        Ok(Err(error)) => Err(format!("{error:#}; look at TEMPORAL_ADDRESS and its companions")),
        Err(_) => Err(format!(
            "no answer within {} s; is the server of TEMPORAL_ADDRESS running?",
            ANSWER_WITHIN.as_secs()
        )),
    };
    Finding { name: "temporal", said }
}

async fn store(args: &cli::Doctor) -> Finding {
    let checking = async {
        let store = compose::store(&args.common, once()).await?;
        store.check().await?;
        compose::mezzanine(&args.common, &store, once()).await?.check().await?;
        anyhow::Ok(())
    };
    let said = match tokio::time::timeout(ANSWER_WITHIN, Box::pin(checking)).await {
        Ok(Ok(())) => Ok("objects can be written, read and removed".to_owned()),
        Ok(Err(error)) => {
            Err(format!("{error:#}; look at --data, or at --s3-endpoint and the AWS credentials"))
        }
        Err(_) => Err("no answer in time; look at --s3-endpoint".to_owned()),
    };
    Finding { name: "store", said }
}

async fn catalogue(args: &cli::Doctor) -> Finding {
    let checking = async {
        compose::unsealed_catalog(&args.common, compose::COMMAND_CONNECTIONS, once())
            .await?
            .check()
            .await?;
        anyhow::Ok(())
    };
    let said = match tokio::time::timeout(ANSWER_WITHIN, checking).await {
        Ok(Ok(())) => Ok("the tables are there, and what is sealed can be opened".to_owned()),
        Ok(Err(error)) => Err(format!("{error:#}; look at --database and --secret-key-file")),
        Err(_) => Err("no answer in time; look at --database".to_owned()),
    };
    Finding { name: "catalogue", said }
}

fn disk(args: &cli::Doctor) -> Finding {
    let reserve = args.work.scratch_reserve_mib;
    let said = compose::scratch(&args.work, &args.common.data)
        .and_then(|scratch| Ok(scratch.free_bytes()? >> 20))
        .map_err(|error| format!("{error:#}; look at --scratch"))
        .and_then(|free| {
            let space = format!("{free} MiB free for scratch, {reserve} kept in reserve");
            if free > reserve {
                Ok(space)
            } else {
                Err(format!("{space}: free some, or give --scratch"))
            }
        });
    Finding { name: "disk", said }
}

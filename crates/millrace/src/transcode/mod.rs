//! `millrace transcode`: one source, one folder, the same pipeline.
//!
//! Everything that makes it durable lives in a hidden folder inside the output folder: run again
//! after an interruption it finds the running video there and goes on. The folder goes when the
//! video has ended.

mod bars;

use std::{path::Path, sync::Arc, time::Duration};

use activities::Deps;
use anyhow::{Context as _, bail};
use catalog::{Catalog, NewVideo, Video};
use contract::{ErrorCode, Source, Status, TaskQueue, VideoId};
use media::{options::Options, plan::Limits};
use storage::Store;
use temporalio_client::{Client, NamespacedClient as _};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    cli, compose,
    lock::Lock,
    patience::Patience,
    private, stop,
    temporal::{self, Server, Wish},
    up,
};

/// Name of the hidden folder.
const STATE: &str = ".millrace";
/// How long Temporal, which was just started, may take until it answers.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// How long it may then take until it takes the video.
const START_WITHIN: Duration = Duration::from_mins(10);
/// How long running activities may go on when somebody stops it, who waits at the terminal.
const DRAIN: Duration = Duration::from_secs(10);
/// How often progress is asked for.
const POLL: Duration = Duration::from_millis(250);

/// Makes the HLS tree of one source.
pub(crate) async fn run(args: cli::Transcode) -> anyhow::Result<()> {
    let options = options(args.options.as_deref())?;
    let source = source(&args.source)?;
    let stop = stop::on_signal()?;
    let state = args.output.join(STATE);
    private::folder(&state)?;
    let lock = Lock::take(&state)?;
    let server_stop = CancellationToken::new();
    let server = Server::start(&state, Wish::any(), server_stop.clone()).await?;
    let patience = Patience::of(ANSWER_WITHIN);
    let client = temporal::connect(server.address()?, patience).await?;
    temporal::register_search_attributes(&client, patience).await?;
    let store = compose::folder_store(&state.join("media"), 0)?;
    let vault = compose::vault(&state.join(compose::SECRET_KEY))?;
    let catalog =
        Catalog::open(&compose::sqlite_url(&state)?, vault).await.context("open the catalogue")?;
    let (objects, masters) = (store.clone(), store.clone());
    let opened = compose::Opened { catalog: catalog.clone(), store: objects, mezzanine: masters };
    let (work, pixels) = (&args.work, &args.limits.pixels);
    let parts = compose::parts(&TaskQueue::ALL);
    let deps = compose::deps(&parts, work, pixels, &state, opened, None)?;
    let deps = Arc::new(Deps { local_files: true, ..deps });
    if let Some(why) = TaskQueue::ALL.iter().find_map(|&queue| deps.unfit(queue)) {
        bail!("{why}; `millrace doctor` says what to do");
    }
    let config = up::working(&args.work, TaskQueue::ALL.to_vec(), DRAIN);
    let limits = compose::limits(&args.limits);
    let followed = async {
        let video = submit(&client, &store, &catalog, (source, options, limits), &stop).await;
        let video = match video {
            Ok((api, video)) => follow(&api, video, &stop).await,
            Err(error) => Err(error),
        };
        stop.cancel();
        video
    };
    let workers = workers::run(client.clone(), deps, config, stop.clone());
    let (worked, followed) = tokio::join!(workers, followed);
    server_stop.cancel();
    server.ended().await;
    worked.context("run the workers")?;
    let Some(video) = followed? else {
        bail!("interrupted; run the same command again to go on");
    };
    finish(&args.output, &state, &store, &video)?;
    drop(lock);
    fs_err::remove_dir_all(&state)?;
    conclude(&args.output, &video)
}

fn options(json: Option<&str>) -> anyhow::Result<Options> {
    let mut reader = serde_json::Deserializer::from_str(json.unwrap_or("{}"));
    let options: Options = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| anyhow::anyhow!("options.{}: {}", error.path(), error.inner()))?;
    options.validate()?;
    anyhow::ensure!(
        options.output_prefix.is_none(),
        "output_prefix is for the API; `-o` names the folder here"
    );
    Ok(options)
}

fn source(text: &str) -> anyhow::Result<Source> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(Source::Url { url: text.to_owned() });
    }
    let path = fs_err::canonicalize(text).map_err(|error| unreadable(text, &error))?;
    if !path.is_file() {
        bail!("{}: {} is not a file", ErrorCode::SourceNotFound, path.display());
    }
    fs_err::File::open(&path).map_err(|error| unreadable(text, &error))?;
    let path = path.into_os_string().into_string();
    let path = path.map_err(|path| {
        anyhow::anyhow!("{} is not valid UTF-8; rename the file", path.display())
    })?;
    Ok(Source::File { path })
}

/// Why a file cannot be read, by the code that a video would fail with.
fn unreadable(name: &str, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            anyhow::anyhow!("{}: there is no file {name}", ErrorCode::SourceNotFound)
        }
        std::io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("{}: {name} may not be read", ErrorCode::SourceForbidden)
        }
        _ => anyhow::anyhow!("{}: {error}", ErrorCode::SourceUnavailable),
    }
}

/// Enters the video and starts it, or finds the one an interrupted run left.
async fn submit(
    client: &Client,
    store: &Store,
    catalog: &Catalog,
    (source, options, limits): (Source, Options, Limits),
    stop: &CancellationToken,
) -> anyhow::Result<(Arc<api::Api>, Video)> {
    let settings = api::Settings {
        media_base: "http://127.0.0.1/".parse()?,
        temporal_ui: None,
        namespace: client.namespace(),
        limits,
        attempts_max: 1,
        start_within: std::time::Duration::ZERO,
        access: api::Access::default(),
        stored_sources: Vec::new(),
        upload_bytes_max: 0,
        // Nothing expires here: the folder goes when the tree is finished.
        keep_failed: std::time::Duration::from_hours(24 * 36_500),
        bounds: api::Bounds::default(),
    };
    // Nobody sends anything here, but the API has a place for it, beside the store.
    let root = store.folder_root().context("the store of one video is a folder")?;
    let incoming = storage::Incoming::open(&root.with_file_name("incoming"), 0)?;
    let api = api::Api {
        catalog: catalog.clone(),
        temporal: client.clone(),
        store: store.clone(),
        incoming,
        settings,
    };
    let id = identity(&source, &options)?;
    let new = NewVideo { options, ..NewVideo::new(id, "default", source) };
    let video = catalog.insert(new).await.context("enter the video")?.into_video();
    started(&api, &video, stop).await?;
    Ok((Arc::new(api), video))
}

/// Starts the workflow, or finds it running. A machine that is busy with other things may keep Temporal
/// from answering for minutes.
#[expect(clippy::print_stderr, reason = "who waits at the terminal is told why")]
async fn started(api: &api::Api, video: &Video, stop: &CancellationToken) -> anyhow::Result<()> {
    let give_up = tokio::time::Instant::now() + START_WITHIN;
    let mut told = false;
    loop {
        match api::start(api, video).await {
            Err(error)
                if error.is_transient()
                    && tokio::time::Instant::now() < give_up
                    && !stop.is_cancelled() =>
            {
                if !told {
                    eprintln!("{error} yet; waiting for up to {} min", START_WITHIN.as_secs() / 60);
                }
                told = true;
                tokio::time::sleep(POLL).await;
            }
            started => return started.context("start the workflow"),
        }
    }
}

/// The same source with the same options is the same video, so that an interrupted run is found.
fn identity(source: &Source, options: &Options) -> anyhow::Result<VideoId> {
    let version = match source {
        Source::File { path } => {
            let meta = fs_err::metadata(path)?;
            format!("{} {:?}", meta.len(), meta.modified().ok())
        }
        Source::Url { .. }
        | Source::Object { .. }
        | Source::Upload { .. }
        | Source::Given { .. } => String::new(),
    };
    let name = serde_json::to_string(&(source, options, version))?;
    Ok(VideoId(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())))
}

/// Shows progress until the video has ended; `None` when the user interrupts.
async fn follow(
    api: &api::Api,
    mut video: Video,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Video>> {
    let bars = bars::Bars::new();
    loop {
        if video.status.is_final() {
            bars.finish();
            return Ok(Some(video));
        }
        if let Some(progress) = api::live_progress(api, &video).await {
            bars.show(&progress);
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(POLL) => {}
        }
        let id = video.id;
        video = api
            .catalog
            .get(id)
            .await?
            .with_context(|| format!("video {id} vanished from the catalogue"))?;
    }
}

/// Moves what was made out of the hidden folder: what is played to the top, the rest beside it.
fn finish(output: &Path, state: &Path, store: &Store, video: &Video) -> anyhow::Result<()> {
    if video.status != Status::Ready {
        return Ok(());
    }
    let media = store.folder_root().unwrap_or(state);
    let id = video.id.to_string();
    let made = media.join("videos").join(&id);
    for entry in fs_err::read_dir(made.join("outputs"))? {
        let entry = entry?;
        replace(&entry.path(), &output.join(entry.file_name()))?;
    }
    let beside = [
        (made.join("chapters"), "chapters"),
        (media.join("thumbnails").join(&id), "thumbnails"),
        (media.join("mezzanine").join(&id), "mezzanine"),
    ];
    for (folder, name) in beside.into_iter().filter(|(folder, _)| folder.is_dir()) {
        replace(&folder, &output.join(name))?;
    }
    // Here the playlist and the chapters are neighbours.
    let master = output.join("master.m3u8");
    let text = fs_err::read_to_string(&master)?;
    Ok(fs_err::write(&master, text.replace("\"../chapters/", "\"chapters/"))?)
}

fn replace(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.is_dir() {
        fs_err::remove_dir_all(to)?;
    }
    Ok(fs_err::rename(from, to)?)
}

#[expect(clippy::print_stdout, reason = "the result is for the terminal")]
fn conclude(output: &Path, video: &Video) -> anyhow::Result<()> {
    for warning in &video.warnings {
        println!("warning: {}: {} ({})", warning.step, warning.message, warning.code);
    }
    match (&video.outputs, &video.error) {
        (Some(outputs), _) if video.status == Status::Ready => {
            for rendition in &outputs.renditions {
                println!(
                    "{:>8}  {}x{}  {} kbit/s  {}",
                    rendition.name,
                    rendition.width,
                    rendition.height,
                    rendition.bandwidth / 1000,
                    rendition.codecs
                );
            }
            println!("{} frames, {:.3} s", outputs.frames, outputs.duration_seconds);
            println!("{}", output.join("master.m3u8").display());
            Ok(())
        }
        (_, Some(failure)) => bail!("{}: {}", failure.code, failure.message),
        _ => bail!("the video ended as {}", video.status),
    }
}

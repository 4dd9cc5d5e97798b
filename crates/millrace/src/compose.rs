//! Builds what the commands need from their flags.

use std::{io::Write as _, path::Path, time::Duration};

use activities::{Deps, Part, Turns, Webhooks};
use anyhow::Context as _;
use catalog::{Catalog, Vault};
use contain::{Containment, Layers};
use contract::TaskQueue;
use ffmpeg::encoder::Nvenc;
use media::plan::{CHUNK_SEGMENTS, Limits};
use metrics::gauge;
use storage::{Incoming, S3Config, Scratch, Store};
use url::Url;
use workers::Slots;

use crate::{
    cli::{Common, LimitArgs, MaxPixels, UploadArgs, Work},
    patience::{Patience, may_answer_later},
};

/// Name of the key file in the data folder.
pub(crate) const SECRET_KEY: &str = "secret.key";

/// Chunks of one video in the queue at a time: more than most deployments have slots, and few
/// enough that a video of ten hours leaves room for one of higher priority.
const QUEUED_CHUNKS: u32 = 64;
/// How long a webhook's receiver may take to answer.
const WEBHOOK_ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a message to a webhook is tried.
const WEBHOOK_PATIENCE: Duration = Duration::from_hours(24);

/// Connections of an API to the catalogue: a request takes one for as long as a statement.
const API_CONNECTIONS: u32 = 8;
/// Connections of a worker: each activity uses one for a statement or two.
const WORKER_CONNECTIONS: u32 = 4;
/// Connections of a command that does one thing.
pub(crate) const COMMAND_CONNECTIONS: u32 = 2;

/// What a process has opened.
pub(crate) struct Opened {
    pub(crate) catalog: Catalog,
    pub(crate) store: Store,
    pub(crate) mezzanine: Store,
}

impl Opened {
    /// Opens everything.
    pub(crate) async fn everything(common: &Common, patience: Patience) -> anyhow::Result<Self> {
        let catalog = serving_catalog(common, patience).await?;
        let store = store(common, patience).await?;
        let mezzanine = mezzanine(common, &store, patience).await?;
        Ok(Self { catalog, store, mezzanine })
    }

    /// Opens what a worker uses, and nothing else.
    pub(crate) async fn parts(
        parts: &[Part],
        common: &Common,
        patience: Patience,
    ) -> anyhow::Result<Self> {
        let catalog = if parts.contains(&Part::Catalog) {
            unsealed_catalog(common, WORKER_CONNECTIONS, patience).await?
        } else {
            Catalog::absent().await?
        };
        let store = if parts.contains(&Part::Store) {
            store(common, patience).await?
        } else {
            Store::absent()
        };
        let mezzanine = if parts.contains(&Part::Mezzanine) {
            mezzanine(common, &store, patience).await?
        } else {
            Store::absent()
        };
        Ok(Self { catalog, store, mezzanine })
    }
}

/// Cores of this machine that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// How videos are cut, on whatever machine this is.
pub(crate) fn limits(args: &LimitArgs) -> Limits {
    Limits {
        parallel_chunks: args.parallel_chunks.unwrap_or(QUEUED_CHUNKS).max(1),
        chunk_seconds: args.chunk_seconds,
        enhancement_seconds: args.enhancement_seconds,
        queued_chunks: args.parallel_chunks.is_none().then_some(QUEUED_CHUNKS),
        source: args.source(),
        chunk_segments: Some(CHUNK_SEGMENTS),
    }
}

/// Opens the catalogue of a process that will need what is sealed there, and makes sure that it can open
/// it. A server that does not answer yet is waited for; a file is there or not.
pub(crate) async fn unsealed_catalog(
    common: &Common,
    connections: u32,
    patience: Patience,
) -> anyhow::Result<Catalog> {
    let served = common.database.as_ref().is_some_and(|url| !url.starts_with("sqlite:"));
    let passes = |error: &_| served && may_answer_later(error);
    let open = async || {
        let catalog = opened_catalog(common, connections).await?;
        catalog.check_vault().await.context("open what the catalogue keeps sealed")?;
        Ok(catalog)
    };
    Box::pin(patience.reach("catalogue", passes, open)).await
}

/// The same for a process that takes videos, which also seals what an earlier version left in the clear.
pub(crate) async fn serving_catalog(
    common: &Common,
    patience: Patience,
) -> anyhow::Result<Catalog> {
    let catalog = unsealed_catalog(common, API_CONNECTIONS, patience).await?;
    let sealed = catalog.seal_addresses().await.context("seal addresses of sources")?;
    if sealed > 0 {
        tracing::info!(
            rows = sealed,
            "sealed addresses that an earlier version wrote in the clear"
        );
    }
    Ok(catalog)
}

/// Opens the catalogue for a command that does one thing.
pub(crate) async fn catalog(common: &Common) -> anyhow::Result<Catalog> {
    opened_catalog(common, COMMAND_CONNECTIONS).await
}

async fn opened_catalog(common: &Common, connections: u32) -> anyhow::Result<Catalog> {
    let url = match &common.database {
        Some(url) => url.clone(),
        None => sqlite_url(&common.data)?,
    };
    let place = common.secret_key_file.clone();
    let vault = vault(&place.unwrap_or_else(|| common.data.join(SECRET_KEY)))?;
    let connections = common.database_connections_max.unwrap_or(connections);
    Catalog::open_with(&url, vault, connections).await.context("open the catalogue")
}

/// The vault of a key file, which is created if it is missing, readable by its owner only.
pub(crate) fn vault(file: &Path) -> anyhow::Result<Vault> {
    if !file.exists() {
        make_key(file)?;
    }
    let text = fs_err::read_to_string(file)?;
    Vault::from_text(&text).with_context(|| format!("read the secret key in {}", file.display()))
}

/// Appears whole or not at all; of several processes that make it, one does.
fn make_key(file: &Path) -> anyhow::Result<()> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;

    if let Some(folder) = file.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let staged = file.with_extension(std::process::id().to_string());
    let mut new = fs_err::OpenOptions::new();
    let mut made = new.write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
    made.write_all(Vault::generate()?.as_bytes())?;
    made.sync_all()?;
    let kept = fs_err::hard_link(&staged, file);
    fs_err::remove_file(&staged)?;
    match kept {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

/// Address of the SQLite file in a folder.
pub(crate) fn sqlite_url(folder: &Path) -> anyhow::Result<String> {
    fs_err::create_dir_all(folder)?;
    let folder = fs_err::canonicalize(folder)?;
    let file = folder.join("catalog.db");
    catalog::sqlite_url(&file).with_context(|| format!("{} is not valid UTF-8", file.display()))
}

/// Opens the store; one on S3 that does not answer yet is waited for.
pub(crate) async fn store(common: &Common, patience: Patience) -> anyhow::Result<Store> {
    if !common.s3 && common.s3_endpoint.is_none() {
        return folder_store(&common.data.join("media"), common.store_reserve_mib);
    }
    let config = S3Config {
        endpoint: common.s3_endpoint.clone(),
        region: common.s3_region.clone(),
        bucket_prefix: common.s3_bucket_prefix.clone(),
        force_path_style: common.s3_endpoint.is_some(),
        patience_seconds: common.s3_patience,
        ..S3Config::default()
    };
    s3_store("store", &config, patience).await
}

/// Opens the store of master copies; the store of everything where none is given.
pub(crate) async fn mezzanine(
    common: &Common,
    everything: &Store,
    patience: Patience,
) -> anyhow::Result<Store> {
    let args = &common.mezzanine;
    if let Some(folder) = &args.folder {
        return folder_store(folder, common.store_reserve_mib);
    }
    let Some(endpoint) = &args.s3_endpoint else { return Ok(everything.clone()) };
    let config = S3Config {
        endpoint: Some(endpoint.clone()),
        region: args.s3_region.clone(),
        access_key: args.s3_access_key.clone(),
        secret_key: args.s3_secret_key.clone(),
        bucket_prefix: args.s3_bucket_prefix.clone(),
        force_path_style: true,
        // Nothing large is read there.
        ..S3Config::default()
    };
    s3_store("mezzanine store", &config, patience).await
}

async fn s3_store(name: &str, config: &S3Config, patience: Patience) -> anyhow::Result<Store> {
    let open = async || {
        let store =
            Store::open_s3(config).await.with_context(|| format!("open the {name} on S3"))?;
        store
            .ensure_buckets()
            .await
            .with_context(|| format!("create the buckets of the {name}"))?;
        Ok(store)
    };
    Box::pin(patience.reach(name, may_answer_later, open)).await
}

/// Opens a store in a folder, which leaves so much of its disk free; its paths are absolute, whatever
/// was typed.
pub(crate) fn folder_store(folder: &Path, reserve_mib: u64) -> anyhow::Result<Store> {
    fs_err::create_dir_all(folder)?;
    let folder = fs_err::canonicalize(folder)?;
    Store::open_folder_beside(&folder, reserve_mib << 20)
        .with_context(|| format!("open the store in {}", folder.display()))
}

/// Opens the folder where uploads arrive.
pub(crate) fn incoming(args: &UploadArgs, data: &Path) -> anyhow::Result<Incoming> {
    let folder = args.folder.clone().unwrap_or_else(|| data.join("uploads"));
    Incoming::open(&folder, args.reserve_mib << 20).context("open the folder of uploads")
}

/// Opens the scratch folder.
pub(crate) fn scratch(work: &Work, data: &Path) -> anyhow::Result<Scratch> {
    let folder = work.scratch.clone().unwrap_or_else(|| data.join("scratch"));
    fs_err::create_dir_all(&folder)?;
    Scratch::open(&fs_err::canonicalize(folder)?, work.scratch_reserve_mib << 20)
        .context("open the scratch folder")
}

/// The programs to use. A path with a folder is made absolute, as some run in a folder of their own.
pub(crate) fn tools(work: &Work) -> ffmpeg::Tools {
    let whole = |program: &Path| match program.components().count() {
        0 | 1 => program.to_owned(),
        _ => std::path::absolute(program).unwrap_or_else(|_| program.to_owned()),
    };
    let (ffmpeg, ffprobe) = (whole(&work.ffmpeg), whole(&work.ffprobe));
    ffmpeg::Tools {
        ffmpeg,
        ffprobe,
        containment: work.children.containment.into(),
        readable: work.children.read.clone(),
        memory: work.children.memory_mib.map(|mib| mib << 20),
        // What keeps new work out stops what is under way at half.
        disk_free_min: (work.scratch_reserve_mib << 20) / 2,
        ..ffmpeg::Tools::default()
    }
}

/// Reports how the children of this process are confined.
fn say_layers(containment: Containment) {
    let layers = Layers::wanted(containment);
    let has = |layer| gauge!("millrace_child_containment", "layer" => layer);
    has("landlock").set(f64::from(layers.landlock));
    has("seccomp").set(f64::from(u8::from(layers.seccomp)));
    has("limits").set(f64::from(u8::from(layers.limits)));
    if containment == Containment::Full && (layers.landlock == 0 || !layers.seccomp) {
        tracing::warn!("child processes are held by {layers}: this kernel has no more");
    } else {
        tracing::info!("child processes are held by {layers}");
    }
}

/// What the work of these queues uses.
pub(crate) fn parts(queues: &[TaskQueue]) -> Vec<Part> {
    queues.iter().flat_map(|&queue| activities::uses(queue)).copied().collect()
}

/// How much a worker does at the same time.
pub(crate) fn slots(work: &Work) -> Slots {
    Slots::new(cores(), work.slots.iter().copied())
}

/// Builds what the activities of a process that uses these parts need.
pub(crate) fn deps(
    parts: &[Part],
    work: &Work,
    pixels: &MaxPixels,
    data: &Path,
    opened: Opened,
    media_base: Option<Url>,
) -> anyhow::Result<Deps> {
    let uses = |part| parts.contains(&part);
    let scratch = if uses(Part::Scratch) { scratch(work, data)? } else { Scratch::absent() };
    let tools = ffmpeg::Tools { max_pixels: pixels.most, ..tools(work) };
    if uses(Part::Programs) {
        say_layers(tools.containment);
    }
    let config = fetch::Config {
        allow: work.allow_source_networks.clone(),
        max_bytes: work.source_mib_max << 20,
        least_rate: work.source_rate_min << 10,
        rate_window: Duration::from_secs(work.source_rate_seconds),
        ytdlp: work.yt_dlp.clone(),
        tools: tools.clone(),
        ..fetch::Config::default()
    };
    let fetch = fetch::Client::new(config).context("build the download client")?;
    let (encoder, nvenc) = (work.encoder.into(), Nvenc::default());
    let encoders = u32::try_from(slots(work).of(TaskQueue::Transcode)).unwrap_or(u32::MAX);
    let webhooks = webhooks(work, media_base)?;
    let Opened { catalog, store, mezzanine } = opened;
    Ok(Deps {
        store,
        mezzanine,
        scratch,
        tools,
        encoder,
        encoders,
        nvenc,
        local_files: false,
        fetch,
        turns: Turns::new(slots(work).of(TaskQueue::Download)),
        catalog,
        webhooks,
    })
}

/// How messages to webhooks are sent.
fn webhooks(work: &Work, media_base: Option<Url>) -> anyhow::Result<Webhooks> {
    let poster = fetch::Poster::new(work.allow_webhook_networks.clone(), WEBHOOK_ANSWER_WITHIN)
        .context("build the client of webhooks")?;
    Ok(Webhooks {
        poster,
        media_base,
        first_pause: Duration::from_millis(work.webhook_pause_ms),
        patience: WEBHOOK_PATIENCE,
    })
}

//! The long-running commands: everything in one process, or the API or workers alone.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use contract::TaskQueue;
use storage::{Bucket, Incoming, Store};
use temporalio_client::{Client, NamespacedClient as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    cli, compose, files,
    lock::Lock,
    patience::Patience,
    readiness, stop,
    telemetry::Metrics,
    temporal::{self, Server, Wish},
};

/// How long a submission waits for Temporal; most of the time a start is done by then.
const START_WITHIN: Duration = Duration::from_millis(50);

/// Runs the whole product until it is told to stop.
pub(crate) async fn up(args: cli::Up) -> anyhow::Result<()> {
    let (stop, patience) = (stop::on_signal()?, Patience::new(args.start));
    let metrics = Metrics::install()?;
    let _lock = Lock::take(&args.common.data)?;
    let opening = async {
        let opened = compose::Opened::everything(&args.common, patience).await?;
        anyhow::Ok((opened, temporal::from_environment(patience).await?))
    };
    let Some(opened) = stop.run_until_cancelled(opening).await else { return Ok(()) };
    let (opened, client) = opened?;
    let (catalog, store) = (opened.catalog.clone(), opened.store.clone());
    let limits = files::connection_limits(args.listen.connections)?;
    let (api_listener, media_listener) =
        (bind(args.listen.api_addr).await?, bind(args.listen.media_addr).await?);
    // The server outlives everything that talks to it.
    let server_stop = CancellationToken::new();
    let (client, server) = if let Some(client) = client {
        (client, None)
    } else {
        let door = temporal::open_door(args.ui_port).await?;
        let wish = Wish { grpc: args.temporal_port, page: Some(temporal::hidden_address()) };
        let server = Server::start(&args.common.data, wish, server_stop.clone()).await?;
        (temporal::connect(server.address()?, patience).await?, Some((server, door)))
    };
    temporal::register_search_attributes(&client, patience).await?;
    let (server, door) = server.unzip();
    let ui = door.as_ref().map(own_address).transpose()?;
    let media_url = media_url(&args.listen, media_listener.local_addr()?)?;
    let parts = compose::parts(&TaskQueue::ALL);
    let (work, pixels) = (&args.work, &args.listen.limits.pixels);
    let base = Some(media_url.clone());
    let deps = Arc::new(compose::deps(&parts, work, pixels, &args.common.data, opened, base)?);
    let metrics = metrics.router(Some(catalog.clone()), Some(deps.scratch.clone()));
    let incoming = compose::incoming(&args.listen.uploads, &args.common.data)?;
    let temporal = (client.clone(), ui.clone());
    let api = api_of(&args.listen, temporal, store.clone(), incoming, catalog, media_url.clone());
    announce(&api_listener, &media_url, ui.as_ref(), &args.common)?;
    let page = door.zip(server.as_ref().and_then(Server::page));
    let access = api.settings.access.clone();
    let healer = Arc::clone(&api);
    let config = working(&args.work, TaskQueue::ALL.to_vec(), args.drain.limit());
    let (work, http, media, page, ()) = tokio::join!(
        ending(&stop, async {
            workers::run(client, deps, config, stop.clone()).await.context("run the workers")
        }),
        ending(&stop, serve(api_listener, api::router(api, metrics), limits, &stop)),
        ending(&stop, serve_media(media_listener, &store, limits, &stop)),
        ending(&stop, serve_page(page, access, limits, &stop)),
        heal(&healer, &stop),
    );
    server_stop.cancel();
    if let Some(server) = server {
        server.ended().await;
    }
    work.and(http).and(media).and(page)
}

/// Runs the API until it is told to stop.
pub(crate) async fn api(args: cli::Api) -> anyhow::Result<()> {
    let (stop, patience) = (stop::on_signal()?, Patience::new(args.start));
    let metrics = Metrics::install()?;
    let opening = async {
        let catalog = compose::serving_catalog(&args.common, patience).await?;
        let store = compose::store(&args.common, patience).await?;
        anyhow::Ok((catalog, store, client(patience).await?))
    };
    let Some(opened) = stop.run_until_cancelled(opening).await else { return Ok(()) };
    let (catalog, store, client) = opened?;
    let limits = files::connection_limits(args.listen.connections)?;
    let (api_listener, media_listener) =
        (bind(args.listen.api_addr).await?, bind(args.listen.media_addr).await?);
    let metrics = metrics.router(Some(catalog.clone()), None);
    let media_url = media_url(&args.listen, media_listener.local_addr()?)?;
    let incoming = compose::incoming(&args.listen.uploads, &args.common.data)?;
    let temporal = (client, args.temporal_ui.clone());
    let api = api_of(&args.listen, temporal, store.clone(), incoming, catalog, media_url.clone());
    announce(&api_listener, &media_url, args.temporal_ui.as_ref(), &args.common)?;
    let healer = Arc::clone(&api);
    let (http, media, ()) = tokio::join!(
        ending(&stop, serve(api_listener, api::router(api, metrics), limits, &stop)),
        ending(&stop, serve_media(media_listener, &store, limits, &stop)),
        heal(&healer, &stop),
    );
    http.and(media)
}

/// Runs workers until they are told to stop.
pub(crate) async fn worker(args: cli::Worker) -> anyhow::Result<()> {
    let (stop, patience) = (stop::on_signal()?, Patience::new(args.start));
    let limits = files::connection_limits(args.connections)?;
    let token = args.metrics_token.clone();
    if args.metrics_addr.is_some_and(|address| !address.ip().is_loopback()) && token.is_none() {
        anyhow::bail!(
            "other machines can reach --metrics-addr: give --metrics-token (MILLRACE_METRICS_TOKEN)"
        );
    }
    let metrics = match args.metrics_addr {
        Some(address) => Some((bind(address).await?, Metrics::install()?)),
        None => None,
    };
    let queues = if args.queues.is_empty() { TaskQueue::ALL.to_vec() } else { args.queues };
    let parts = compose::parts(&queues);
    let opening = async {
        let opened = compose::Opened::parts(&parts, &args.common, patience).await?;
        anyhow::Ok((opened, client(patience).await?))
    };
    let Some(opened) = stop.run_until_cancelled(opening).await else { return Ok(()) };
    let (opened, client) = opened?;
    let (work, pixels, data) = (&args.work, &args.pixels, &args.common.data);
    let base = args.media_url.clone();
    let deps = Arc::new(compose::deps(&parts, work, pixels, data, opened, base)?);
    let names: Vec<_> = queues.iter().map(|queue| queue.name()).collect();
    tracing::info!(queues = names.join(","), "working");
    // Who looks after a process that stops wants to see it to its end.
    let ended = CancellationToken::new();
    let listening = async {
        let Some((listener, metrics)) = metrics else { return Ok(()) };
        // The catalogue is counted by the API: workers have no videos of their own.
        let counted = metrics.router(None, Some(deps.scratch.clone()));
        let (deps, client) = (Arc::clone(&deps), client.clone());
        let looked = readiness::Worker { deps, client, queues: queues.clone(), stop: stop.clone() };
        let router = api::for_operators(counted, token).merge(readiness::router(looked));
        serve(listener, router, limits, &ended).await
    };
    let config = working(&args.work, queues.clone(), args.drain.limit());
    let (deps, client) = (Arc::clone(&deps), client.clone());
    let working = async {
        let worked = workers::run(client, deps, config, stop.clone()).await;
        ended.cancel();
        worked.context("run the workers")
    };
    let (work, told) = tokio::join!(ending(&stop, working), ending(&stop, listening));
    work.and(told)
}

/// The server of Temporal's standard environment, or the one of a `millrace up` on this machine, with
/// its namespace prepared.
async fn client(patience: Patience) -> anyhow::Result<Client> {
    let client = match temporal::from_environment(patience).await? {
        Some(client) => client,
        None => temporal::connect("http://127.0.0.1:7233".parse()?, patience)
            .await
            .context("TEMPORAL_ADDRESS is not set, and no server answers on this machine")?,
    };
    temporal::register_search_attributes(&client, patience).await?;
    Ok(client)
}

/// What the workers of a process work on, and how long they go on after a stop was asked.
pub(crate) fn working(
    work: &cli::Work,
    queues: Vec<TaskQueue>,
    drain: Duration,
) -> workers::Config {
    let slots = compose::slots(work);
    let keep_partial = Duration::from_hours(24 * u64::from(work.keep_partial_days));
    workers::Config { queues, slots, drain, keep_partial }
}

fn api_of(
    listen: &cli::Listen,
    (temporal, temporal_ui): (Client, Option<Url>),
    store: Store,
    incoming: Incoming,
    catalog: catalog::Catalog,
    media_base: Url,
) -> Arc<api::Api> {
    let settings = api::Settings {
        media_base,
        temporal_ui,
        namespace: temporal.namespace(),
        limits: compose::limits(&listen.limits),
        attempts_max: listen.attempts_max,
        start_within: START_WITHIN,
        access: api::Access {
            exposed: !listen.api_addr.ip().is_loopback(),
            origins: listen.allow_origins.clone(),
            hosts: listen.allow_hosts.clone(),
            operator: listen.metrics_token.clone(),
        },
        stored_sources: listen.allow_stored_sources.clone(),
        upload_bytes_max: listen.uploads.mib_max << 20,
        keep_failed: Duration::from_hours(24 * u64::from(listen.keep_failed_days)),
        bounds: api::Bounds {
            unknown_keys_per_minute: listen.unknown_keys_per_minute,
            event_streams: listen.event_streams_max,
            tenant_upload_bytes: listen.uploads.tenant_mib_max << 20,
        },
    };
    Arc::new(api::Api { catalog, temporal, store, incoming, settings })
}

async fn serve(
    listener: TcpListener,
    router: axum::Router,
    limits: api::ConnectionLimits,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let stop = stop.clone();
    let stopped = async move { stop.cancelled().await };
    api::serve(listener, router, limits, stopped).await.context("serve HTTP")
}

/// Runs the reconciler until everything stops.
async fn heal(api: &api::Api, stop: &CancellationToken) {
    tokio::select! {
        () = api.keep_reconciled() => {}
        () = stop.cancelled() => {}
    }
}

/// Serves the folder store; an S3 store serves itself.
async fn serve_media(
    listener: TcpListener,
    store: &Store,
    limits: api::ConnectionLimits,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    match store.folder_root() {
        Some(root) => {
            serve(
                listener,
                api::media_router(root, &[Bucket::Videos, Bucket::Thumbnails, Bucket::Published]),
                limits,
                stop,
            )
            .await
        }
        None => Ok(()),
    }
}

/// Serves Temporal's page through our proxy, where we run Temporal.
async fn serve_page(
    page: Option<(TcpListener, SocketAddr)>,
    access: api::Access,
    limits: api::ConnectionLimits,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    match page {
        Some((door, page)) => serve(door, api::temporal_page(page, access), limits, stop).await,
        None => Ok(()),
    }
}

/// Runs one part; when it fails, everything else ends in good order too.
async fn ending(
    stop: &CancellationToken,
    part: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let result = part.await;
    if let Err(error) = &result {
        tracing::error!("stopping: {error:#}");
        stop.cancel();
    }
    result
}

fn own_address(listener: &TcpListener) -> anyhow::Result<Url> {
    Ok(format!("http://{}", listener.local_addr()?).parse()?)
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listen on {address}; is another millrace running? Choose another port")
    })
}

fn media_url(listen: &cli::Listen, address: SocketAddr) -> anyhow::Result<Url> {
    match &listen.media_url {
        Some(url) => Ok(url.clone()),
        None => Ok(format!("http://{address}/").parse()?),
    }
}

#[expect(clippy::print_stdout, reason = "the addresses are what the user waits for")]
fn announce(
    api: &TcpListener,
    media: &Url,
    ui: Option<&Url>,
    common: &cli::Common,
) -> anyhow::Result<()> {
    println!("API          http://{}", api.local_addr()?);
    println!("Media        {media}");
    if let Some(ui) = ui {
        println!("Temporal UI  {ui}");
    }
    println!(
        "Data         {}",
        fs_err::canonicalize(&common.data).unwrap_or_else(|_| common.data.clone()).display()
    );
    Ok(())
}

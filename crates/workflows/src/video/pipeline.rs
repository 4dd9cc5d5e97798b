//! The steps between a source and a published ladder, one function each.

use contract::{
    ErrorCode, ExportOutput, Outputs, Phase, StoredSource, Warning, begin_video, download_source,
    export_video, normalize_source, package_video, probe_source, publish_video, search_attributes,
    text, verify_video,
    video::{Input, Output},
};
use media::{
    bounds::TooLarge,
    manifest::DecodedSource,
    plan::{self, Plan, Unplannable, WarningKind},
    source::{NonStandard, SourceFacts},
};
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_sdk::{WorkflowCancellationToken, workflows};

use super::{
    Context, ending,
    enhance::{self, Ladder, Material},
    fan_out, finished, outputs, prepare, quality, step,
};
use crate::{
    call::{Call, Extent},
    failure::Stop,
};

/// The patch by which an attempt that may not begin ends its download.
const REFUSED_ENDS_DOWNLOAD: &str = "refused-ends-download";
/// The patch by which a source of which little is left is not encoded.
const DAMAGE_REFUSED: &str = "damage-refused";
const STATUS: SearchAttributeKey<String> = SearchAttributeKey::keyword(search_attributes::STATUS);
const DURATION: SearchAttributeKey<f64> =
    SearchAttributeKey::float(search_attributes::DURATION_SECONDS);

/// True when `begin_video` refused: the workflow is not ours, or its attempt is over.
pub(super) fn is_refusal(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Unauthorized | ErrorCode::Cancelled)
}

/// Runs every step after `begin`; the first that fails for good decides.
pub(super) async fn make(ctx: &Context, job: &Input) -> Result<Output, Stop> {
    let group = ctx.cancellation_token();
    if group.is_cancelled() {
        return Err(Stop::Cancelled);
    }
    let fetched = fetch(ctx, job, &group).await?;
    Box::pin(make_of(ctx, job, fetched)).await
}

/// The same for a video that fetches while it begins.
pub(super) async fn begin_and_make(ctx: &Context, job: &Input) -> Result<Output, Stop> {
    let group = ctx.cancellation_token().child_token();
    let (begun, fetched) = workflows::join!(
        async {
            let begun = mark(ctx, job, ctx.cancellation_token()).await;
            // Videos that began before this patch wait for the whole download.
            if begun.is_err() && ctx.patched(REFUSED_ENDS_DOWNLOAD) {
                group.cancel_with_reason("the attempt may not begin");
            }
            begun
        },
        fetch(ctx, job, &group),
    );
    begun?;
    Box::pin(make_of(ctx, job, fetched?)).await
}

/// From a source that was fetched and probed to what is published.
async fn make_of(
    ctx: &Context,
    job: &Input,
    (source, facts): (StoredSource, SourceFacts),
) -> Result<Output, Stop> {
    job.limits.source.check(&facts).map_err(|error| too_large(&error))?;
    ctx.state_mut(|state| state.output = job.limits.source.output(source.bytes));
    let reasons = facts.non_standard.clone();
    ctx.state_mut(|state| state.tracker.warn(quality::repaired(&facts)));
    let (source, mut facts) = standardize(ctx, job, source, facts).await?;
    if job.options.audio_only == Some(true) {
        facts.video = None;
    }
    quality::refuse_truncated(&facts)?;
    let mut plan = draw_up(ctx, job, &facts)?;
    let chosen = prepare::prepare(ctx, job, &mut plan).await;
    let material = Material::new(ctx, job, &source, &facts, &plan);
    let (ladder, mut outputs, ()) = workflows::join!(
        ladder(ctx, &material),
        enhance::beside(ctx, &material),
        enhance::watch(ctx, &material),
    );
    let Made { plan, checked } = ladder?;
    finished::make(ctx, &Material::new(ctx, job, &source, &facts, &plan), &mut outputs).await;
    let mut outputs = outputs::complete(outputs, &plan, checked.outputs, chosen);
    let master = outputs::master(checked.master, &outputs);
    publish(ctx, job, master, &plan).await?;
    outputs.export = export(ctx, job, &outputs, &plan).await?;
    let warnings = ctx.state(|state| state.tracker.progress().warnings);
    let output = Output { source: ending::summary(&facts, reasons), outputs, warnings };
    step::fits("what is known", &output)?;
    Ok(output)
}

/// The ladder itself, which every video needs.
struct Made {
    /// The plan as it was carried out.
    plan: Plan,
    checked: verify_video::Output,
}

/// Encodes, packages and checks; signals the end to those who wait.
async fn ladder(ctx: &Context, material: &Material<'_>) -> Result<Made, Stop> {
    let made = encode_and_check(ctx, material).await;
    let end = if made.is_ok() { Ladder::Ready } else { Ladder::Failed };
    ctx.state_mut(|state| state.ladder = Some(end));
    made
}

async fn encode_and_check(ctx: &Context, material: &Material<'_>) -> Result<Made, Stop> {
    let (job, source) = (material.job, material.source);
    let mut plan = material.plan.clone();
    let encoded = fan_out::encode(ctx, job, source, &plan).await;
    plan.audio = match encoded {
        Err(Stop::Failed(failure)) if prepare::give_up_nvenc(ctx, &mut plan, &failure) => {
            fan_out::encode(ctx, job, source, &plan).await?
        }
        encoded => encoded?,
    };
    let checked = package(ctx, job, source.clone(), plan.clone()).await?;
    let noticed = quality::judge(material.facts, &checked)?;
    ctx.state_mut(|state| state.tracker.warn(noticed));
    Ok(Made { plan, checked })
}

/// Moves to a phase, for the query and for the Temporal UI.
pub(super) fn enter(ctx: &Context, phase: Phase, details: impl Into<String>) {
    ctx.state_mut(|state| state.tracker.enter(phase));
    ctx.set_current_details(text::details(&details.into()));
}

/// Asks whether the attempt may begin. No cancel ends the question: without its answer nobody knows
/// whether there is anything to report.
pub(super) async fn begin(ctx: &Context, job: &Input) -> Result<(), Stop> {
    mark(ctx, job, WorkflowCancellationToken::new()).await
}

async fn mark(ctx: &Context, job: &Input, token: WorkflowCancellationToken) -> Result<(), Stop> {
    ctx.upsert_search_attributes([STATUS.value_set("transcoding".to_owned())]);
    let (video, attempt) = (job.video, job.attempt);
    let input = begin_video::Input { video, attempt, job: Some(Box::new(job.clone())) };
    // The API makes none as large. What may be reported is known after the answer, so nothing is here.
    let not_ours =
        |_| Stop::failed(ErrorCode::Unauthorized, "the job is larger than the API makes any");
    step::fits("the job", &input).map_err(not_ours)?;
    let options = Call::begin().options(job, token);
    step::run(ctx, begin_video::Activity, input, options).await
}

async fn fetch(
    ctx: &Context,
    job: &Input,
    group: &WorkflowCancellationToken,
) -> Result<(StoredSource, SourceFacts), Stop> {
    enter(ctx, Phase::Downloading, "fetching the source");
    let input = download_source::Input { video: job.video, source: job.source.clone() };
    let options = Call::download(&job.source.to_string()).options(job, group.clone());
    let source = step::run(ctx, download_source::Activity, input, options).await?;
    let facts = probe(ctx, job, &source, group).await?;
    Ok((source, facts))
}

async fn probe(
    ctx: &Context,
    job: &Input,
    source: &StoredSource,
    group: &WorkflowCancellationToken,
) -> Result<SourceFacts, Stop> {
    enter(ctx, Phase::Probing, "reading every packet's time");
    let input = probe_source::Input { video: job.video, source: source.clone() };
    let options = Call::probe(source.bytes).options(job, group.clone());
    step::run(ctx, probe_source::Activity, input, options).await
}

/// Rewrites a source that cannot be cut where it stands; standard sources pass untouched.
async fn standardize(
    ctx: &Context,
    job: &Input,
    source: StoredSource,
    facts: SourceFacts,
) -> Result<(StoredSource, SourceFacts), Stop> {
    if facts.non_standard.is_empty() {
        return Ok((source, facts));
    }
    let reasons = reasons(&facts.non_standard);
    enter(ctx, Phase::Normalizing, format!("rewriting a non-standard source: {reasons}"));
    let extent = Extent { seconds: facts.duration_seconds(), bytes: source.bytes };
    let options = Call::normalize(extent, &reasons).options(job, ctx.cancellation_token());
    let original = facts.clone();
    let input = normalize_source::Input { video: job.video, source, facts };
    let normalize_source::Output { source: rewritten, decoded } =
        step::run(ctx, normalize_source::Activity, input, options).await?;
    note_damage(ctx, &original, decoded.as_ref())?;
    let mut facts = probe(ctx, job, &rewritten, &ctx.cancellation_token()).await?;
    match decoded {
        Some(decoded) => {
            let errors = facts.audio.iter().map(|track| track.stream).zip(decoded.sound_errors);
            ctx.state_mut(|state| state.sound_errors = errors.collect());
        }
        // What was copied is decoded only now.
        None => facts.demux_errors += original.demux_errors,
    }
    if facts.non_standard.is_empty() {
        Ok((rewritten, facts))
    } else {
        let left = self::reasons(&facts.non_standard);
        Err(Stop::failed(
            ErrorCode::CorruptMedia,
            format!("the source stays unusable after rewriting: {left}"),
        ))
    }
}

/// Warns of what was lost in the rewriting of a source, or refuses it.
fn note_damage(
    ctx: &Context,
    original: &SourceFacts,
    decoded: Option<&DecodedSource>,
) -> Result<(), Stop> {
    let Some(decoded) = decoded else { return Ok(()) };
    let noticed = match quality::rewritten(original, &decoded.pictures.unwrap_or_default()) {
        // Of a video that was past this step before the patch, the rest is made.
        Err(refused) if ctx.patched(DAMAGE_REFUSED) => return Err(refused),
        Err(_) => None,
        Ok(noticed) => noticed,
    };
    ctx.state_mut(|state| state.tracker.warn(noticed));
    Ok(())
}

/// Refused before anything is decoded, also by the rewriting of a source.
pub(super) fn too_large(error: &TooLarge) -> Stop {
    Stop::failed(ErrorCode::SourceTooLarge, error.to_string())
}

fn draw_up(ctx: &Context, job: &Input, facts: &SourceFacts) -> Result<Plan, Stop> {
    let plan = plan::plan(facts, &job.options, job.limits).map_err(|error| {
        let code = match &error {
            Unplannable::NoStreams => ErrorCode::NoStreams,
            Unplannable::Option(_) => ErrorCode::InvalidOptions,
        };
        Stop::failed(code, error.to_string())
    })?;
    ctx.upsert_search_attributes([DURATION.value_set(facts.duration_seconds())]);
    let dropped = plan.warnings.iter().map(|warning| Warning {
        step: "plan".to_owned(),
        code: match warning.kind {
            WarningKind::Rung => ErrorCode::RungDropped,
            WarningKind::Sound => ErrorCode::UnsupportedMedia,
        },
        message: warning.message.clone(),
    });
    ctx.state_mut(|state| state.tracker.warn(dropped));
    Ok(plan)
}

/// Writes the media playlists and checks them against the plan.
async fn package(
    ctx: &Context,
    job: &Input,
    source: StoredSource,
    plan: Plan,
) -> Result<verify_video::Output, Stop> {
    enter(ctx, Phase::Packaging, "writing playlists");
    let (packaging, verifying) = (Call::package(&plan), Call::verify(&plan));
    let input = package_video::Input { video: job.video, source, plan };
    let options = packaging.options(job, ctx.cancellation_token());
    step::run(ctx, package_video::Activity, input.clone(), options).await?;
    enter(ctx, Phase::Verifying, "checking everything that was made");
    let options = verifying.options(job, ctx.cancellation_token());
    step::run(ctx, verify_video::Activity, input, options).await
}

async fn publish(ctx: &Context, job: &Input, master: String, plan: &Plan) -> Result<(), Stop> {
    enter(ctx, Phase::Publishing, "writing the master playlist");
    // With an export the base is the address of that bucket: the copies there are absolute.
    let base = job.options.playlist_base_url.clone().filter(|_| job.export.is_none());
    let input = publish_video::Input { video: job.video, master, base };
    let options = Call::publish(plan).options(job, ctx.cancellation_token());
    step::run(ctx, publish_video::Activity, input, options).await
}

/// Copies what was published to its destination.
async fn export(
    ctx: &Context,
    job: &Input,
    outputs: &Outputs,
    plan: &Plan,
) -> Result<Option<ExportOutput>, Stop> {
    let Some(export) = job.export.clone() else { return Ok(None) };
    enter(ctx, Phase::Publishing, format!("copying to {}", export.outputs));
    let options = Call::export(&export.outputs, plan).options(job, ctx.cancellation_token());
    let base = job.options.playlist_base_url.clone();
    let (video, attempt, outputs) = (job.video, job.attempt, outputs.clone());
    let input = export_video::Input { video, attempt, export, base, outputs };
    step::run(ctx, export_video::Activity, input, options).await.map(Some)
}

fn reasons(all: &[NonStandard]) -> String {
    let texts: Vec<_> = all.iter().map(|reason| reason.as_str()).collect();
    texts.join(", ")
}

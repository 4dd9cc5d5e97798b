//! What is made from finished segments: nothing here encodes anything.

use contract::{ErrorCode, Outputs, make_mp4, make_preview, video::Input};
use media::{options::Mp4Option, plan::Plan};

use super::{
    Context,
    enhance::{Material, not_without_pictures, optional, warn},
};
use crate::call::Call;

/// What is made from finished segments, once they are verified.
pub(super) async fn make(ctx: &Context, material: &Material<'_>, outputs: &mut Outputs) {
    let Material { job, source, plan, .. } = material;
    if let Some(option) = job.options.preview() {
        let input = make_preview::Input {
            video: job.video,
            source: (*source).clone(),
            plan: (*plan).clone(),
            option,
        };
        let activity = make_preview::Activity;
        let call = Call::preview(material.facts.duration_seconds());
        outputs.preview = optional(ctx, job, "preview", activity, input, call, &material.all).await;
    }
    for rung in wanted_files(ctx, job, plan) {
        let call = Call::mp4(material.facts.duration_seconds(), &rung);
        let input = make_mp4::Input {
            video: job.video,
            source: (*source).clone(),
            plan: (*plan).clone(),
            rung,
        };
        let made = optional(ctx, job, "mp4", make_mp4::Activity, input, call, &material.all).await;
        outputs.mp4.extend(made);
    }
}

/// Rungs that become a file as well; those that were left out of the ladder are a warning.
fn wanted_files(ctx: &Context, job: &Input, plan: &Plan) -> Vec<String> {
    let Some(wanted) = &job.options.mp4 else { return Vec::new() };
    let made: Vec<&str> =
        plan.video.iter().flat_map(|video| &video.rungs).map(|rung| rung.name.as_str()).collect();
    if let Mp4Option::Rungs(names) = wanted {
        for name in names.iter().filter(|name| !made.contains(&name.as_str())) {
            warn(ctx, "mp4", ErrorCode::OptionNotMet, format!("{name} is not in the ladder"));
        }
    } else if made.is_empty() && wanted.wants("") {
        not_without_pictures::<()>(ctx, "mp4");
    }
    made.into_iter().filter(|name| wanted.wants(name)).map(str::to_owned).collect()
}

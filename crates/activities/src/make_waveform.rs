//! Makes the peaks of the sound, as data and as a picture. Run twice, the second run finds the
//! record, written last, and decodes nothing.

use contract::{
    WaveformOutput,
    make_waveform::{Input, NAME, Output},
};
use storage::layout::Layout;

use crate::{Deps, failure::Error, fingerprint, manifests::once, pulse::Pulse, source};

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let record = layout.record(NAME, &fingerprint::input(NAME, &input))?;
    let make = Box::pin(async {
        let source = source::open(deps, &input.source).await?;
        let beat = |samples: u64| pulse.set(&samples);
        let waveform = ffmpeg::waveform(&deps.tools, source.input(), &input.plan, beat);
        let waveform = source.during(waveform).await?;
        let (json, image) = (layout.waveform("waveform.json")?, layout.waveform("waveform.png")?);
        deps.store.put_bytes(&json, waveform.json()).await?;
        deps.store.put_bytes(&image, waveform.png()).await?;
        Ok(WaveformOutput { json: json.to_string(), image: image.to_string() })
    });
    Ok(once(deps, &record, "the waveform", make).await?.0)
}

#[cfg(test)]
mod tests {
    use media::options::Options;

    use super::*;
    use crate::studio::Studio;

    #[tokio::test]
    async fn data_and_picture_are_stored_once() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let studio = Studio::open().await;
        let clip = fixtures::Clip::flash_and_beep().path();
        let (source, facts) = studio.source(&clip).await;
        let plan = Studio::plan(&facts, &Options::default()).audio.remove(0);
        let input = Input { video: studio.video, source, plan };
        let made = run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&studio.read(&made.json).await).unwrap();
        let data: Vec<i64> = serde_json::from_value(json["data"].clone()).unwrap();
        assert_eq!(json["length"], data.len() / 2);
        // A tenth of the clip beeps at 0.57 of full scale, the rest is silent.
        let loud = data.chunks(2).filter(|pixel| pixel[0] < -60 && pixel[1] > 60).count();
        assert!((0.08..=0.14).contains(&(loud as f64 * 2.0 / data.len() as f64)), "{data:?}");
        assert!(studio.read(&made.image).await.starts_with(b"\x89PNG"));

        // Without its source, a second run can only find the record.
        let source = storage::Object::new(input.source.bucket.parse().unwrap(), &*input.source.key);
        studio.deps.store.delete(&source.unwrap()).await.unwrap();
        assert_eq!(run(&studio.deps, &Pulse::still(), input).await.unwrap(), made);
    }
}

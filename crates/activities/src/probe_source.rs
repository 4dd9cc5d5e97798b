//! Reads the facts of a source. Run twice, it reads them twice.

use contract::ErrorCode;
use contract::probe_source::{Input, Output};

use crate::{Deps, failure::Error, pulse::Pulse, source};

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    if input.source.bytes == 0 {
        return Err(Error::media(ErrorCode::CorruptMedia, "the source is empty: it has 0 bytes"));
    }
    let source = source::open(deps, &input.source).await?;
    let probe = ffmpeg::probe(&deps.tools, source.input(), |packets| pulse.set(&packets));
    let facts = source.during(probe).await?;
    let bytes = input.source.bytes;
    if facts.bytes != 0 && facts.bytes != bytes {
        let message = format!("ffprobe was given {} bytes of a source of {bytes}", facts.bytes);
        return Err(Error::Read(message));
    }
    Ok(facts)
}

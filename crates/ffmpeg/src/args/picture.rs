//! What makes a source's picture clean: progressive, 8-bit 4:2:0, SDR in BT.709 or the BT.601 it
//! already is, limited range, square pixels, and tags that say so.
//!
//! ffmpeg itself turns it upright when it opens the file. Two places in a graph: [`progressive`] goes
//! before any picture is dropped or scaled, [`clean`] scales and converts colours.

use media::source::{Scan, VideoFacts};

/// Nits that become SDR's white before the highlights are rolled off: HDR reference white (ITU-R
/// BT.2408). Up to 0.3 of it nothing changes; what lies above, up to 1000 nits, is compressed.
const WHITE_NITS: &str = "203";
/// 1000 nits in units of [`WHITE_NITS`]. Given, so that it does not depend on metadata that comes
/// with some pictures only.
const PEAK: &str = "4.926";
/// Short side in pixels from which players take pictures without colour tags to be BT.709.
const HD_LINES: u32 = 720;

/// Both fields of an interlaced picture become one progressive picture. Ends with a comma, or is
/// empty.
///
/// It looks at the pictures before and after, and halves the time base: times must have been listed
/// before. A file that does not say has its pictures asked one by one.
pub(crate) fn progressive(facts: &VideoFacts) -> &'static str {
    match facts.scan() {
        Scan::Progressive => "",
        Scan::Interlaced => "bwdif=mode=send_frame:parity=auto:deint=all,",
        Scan::Unsaid => "bwdif=mode=send_frame:parity=auto:deint=interlaced,",
    }
}

/// True when [`progressive`] looks at the pictures before and after.
pub(crate) fn needs_neighbours(facts: &VideoFacts) -> bool {
    facts.scan() != Scan::Progressive
}

/// Scales to `size` in square pixels and converts colours.
pub(crate) fn clean(facts: &VideoFacts, (width, height): (u32, u32)) -> String {
    let matrix = if facts.is_rgb() { "out_color_matrix=bt709:" } else { "" };
    format!(
        "scale={width}:{height}:flags=bicubic:{matrix}out_range=tv,{}format=yuv420p,{},setsar=1",
        sdr(facts),
        Colors::of(facts).tags(),
    )
}

/// True when [`clean`] computes colours anew, so that it pays to do it once for all sizes.
pub(crate) fn changes_colors(facts: &VideoFacts) -> bool {
    facts.is_hdr() || facts.is_wide_gamut()
}

/// HDR and wide gamuts become BT.709. Takes limited range in even sizes; ends with a comma, or is
/// empty.
///
/// What the source does not say is said here: zscale refuses pictures whose tags are missing.
pub(crate) fn sdr(facts: &VideoFacts) -> String {
    if !changes_colors(facts) {
        return String::new();
    }
    let color = &facts.color;
    let primaries = known(color.primaries.as_deref(), &ZSCALE_PRIMARIES).unwrap_or("bt2020");
    let matrix = match known(color.space.as_deref(), &ZSCALE_MATRICES) {
        _ if facts.is_rgb() => "bt709",
        Some(matrix) => matrix,
        None if primaries == "bt2020" => "bt2020nc",
        None => "bt709",
    };
    let transfer = known(color.transfer.as_deref(), &ZSCALE_TRANSFERS).unwrap_or("bt709");
    let planes = if facts.is_rgb() { "format=yuv444p12le," } else { "" };
    let from = format!("{planes}zscale=pin={primaries}:min={matrix}:tin={transfer}:rin=tv");
    if !facts.is_hdr() {
        return format!("{from}:p=bt709:m=bt709:t=bt709:r=tv,");
    }
    format!(
        "{from}:t=linear:npl={WHITE_NITS}:p=bt709,format=gbrpf32le,\
         tonemap=mobius:param=0.3:peak={PEAK},zscale=p=bt709:m=bt709:t=bt709:r=tv,"
    )
}

const ZSCALE_PRIMARIES: [&str; 7] =
    ["bt709", "bt470bg", "smpte170m", "smpte240m", "bt2020", "smpte431", "smpte432"];
const ZSCALE_MATRICES: [&str; 6] = ["bt709", "fcc", "bt470bg", "smpte170m", "bt2020nc", "bt2020c"];
const ZSCALE_TRANSFERS: [&str; 9] = [
    "bt709",
    "smpte170m",
    "bt470m",
    "bt470bg",
    "bt2020-10",
    "bt2020-12",
    "iec61966-2-1",
    "smpte2084",
    "arib-std-b67",
];

/// Tags of SDR video that may stay, by ffmpeg's names.
const KEPT_MATRICES: [&str; 5] = ["bt709", "fcc", "bt470bg", "smpte170m", "smpte240m"];
const KEPT_PRIMARIES: [&str; 5] = ["bt709", "bt470m", "bt470bg", "smpte170m", "smpte240m"];
const KEPT_TRANSFERS: [&str; 7] =
    ["bt709", "bt470m", "bt470bg", "smpte170m", "smpte240m", "iec61966-2-1", "iec61966-2-4"];

fn known(tag: Option<&str>, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| Some(*name) == tag)
}

/// What clean pictures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colors {
    matrix: &'static str,
    transfer: &'static str,
    primaries: &'static str,
}

impl Colors {
    /// Colours of [`clean`] pictures. What a source leaves out is what players take it to be, so
    /// that small renditions of a large picture are not taken for something else.
    pub(crate) fn of(facts: &VideoFacts) -> Self {
        let color = &facts.color;
        let fresh = changes_colors(facts) || facts.is_rgb();
        let said = |tag: &Option<String>, names| known(tag.as_deref(), names).filter(|_| !fresh);
        let matrix = said(&color.space, &KEPT_MATRICES);
        let primaries = said(&color.primaries, &KEPT_PRIMARIES);
        let large = facts.coded_width.min(facts.coded_height) >= HD_LINES;
        let usual = match matrix.or(primaries) {
            Some(said) => said,
            None if large || fresh => "bt709",
            None => "smpte170m",
        };
        let family = if usual == "bt709" { "bt709" } else { "smpte170m" };
        Self {
            matrix: matrix.unwrap_or(family),
            transfer: said(&color.transfer, &KEPT_TRANSFERS).unwrap_or(family),
            primaries: primaries.unwrap_or(family),
        }
    }

    /// The matrix by the name that the scale filter knows.
    pub(crate) fn scale_matrix(self) -> &'static str {
        match self.matrix {
            "bt709" => "bt709",
            "fcc" => "fcc",
            "smpte240m" => "smpte240m",
            _ => "bt601",
        }
    }

    fn tags(self) -> String {
        let Self { matrix, transfer, primaries } = self;
        format!(
            "setparams=range=tv:colorspace={matrix}:color_trc={transfer}:color_primaries={primaries}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::test_facts;

    fn facts(change: impl FnOnce(&mut VideoFacts)) -> VideoFacts {
        let mut facts = test_facts("25", 500).video.unwrap();
        change(&mut facts);
        facts
    }

    fn tags(change: impl FnOnce(&mut VideoFacts)) -> [&'static str; 3] {
        let Colors { matrix, transfer, primaries } = Colors::of(&facts(change));
        [matrix, transfer, primaries]
    }

    #[test]
    fn what_is_not_said_is_what_players_guess_from_the_source() {
        assert_eq!(tags(|_| {}), ["bt709"; 3]);
        assert_eq!(tags(|facts| facts.coded_height = 576), ["smpte170m"; 3]);
        assert_eq!(
            tags(|facts| facts.color.space = Some("bt470bg".into())),
            ["bt470bg", "smpte170m", "smpte170m"]
        );
        let mixed = tags(|facts| {
            facts.color.space = Some("smpte170m".into());
            facts.color.transfer = Some("bt709".into());
        });
        assert_eq!(mixed, ["smpte170m", "bt709", "smpte170m"]);
    }

    #[test]
    fn colours_that_change_are_bt709() {
        assert_eq!(tags(|facts| facts.color.primaries = Some("smpte432".into())), ["bt709"; 3]);
        assert_eq!(tags(|facts| facts.color.space = Some("bt2020nc".into())), ["bt709"; 3]);
        assert_eq!(tags(|facts| facts.color.transfer = Some("smpte2084".into())), ["bt709"; 3]);
        let rgb = |facts: &mut VideoFacts| {
            facts.pixel_format = "abgr".into();
            facts.coded_height = 240;
        };
        assert_eq!(tags(rgb), ["bt709"; 3]);
        assert!(clean(&facts(rgb), (320, 240)).contains("out_color_matrix=bt709"));
    }

    #[test]
    fn sdr_is_left_alone_and_everything_is_said_to_zscale() {
        assert_eq!(sdr(&facts(|_| {})), "");
        let p3 = sdr(&facts(|facts| facts.color.primaries = Some("smpte432".into())));
        assert_eq!(
            p3,
            "zscale=pin=smpte432:min=bt709:tin=bt709:rin=tv:p=bt709:m=bt709:t=bt709:r=tv,"
        );
        let pq = sdr(&facts(|facts| facts.color.transfer = Some("smpte2084".into())));
        assert!(pq.starts_with("zscale=pin=bt2020:min=bt2020nc:tin=smpte2084:rin=tv:t=linear"));
    }
}

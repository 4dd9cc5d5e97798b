//! The master playlist: which renditions there are and what each of them needs.

use serde::{Deserialize, Serialize};

use super::{
    Bandwidth, HEAD, clean, line,
    selection::{self, Chosen, Kind, Member},
};
use crate::{language, rate::FrameRate, source::AudioRole};

/// The one group of subtitles.
const SUBTITLES: &str = "subtitles";

/// A video's master playlist. Order is kept: players start with the first variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Master {
    /// Renditions of the picture; of the sound when there is no picture.
    pub variants: Vec<Variant>,
    /// Renditions of the audio, in addition to the variants.
    pub audio: Vec<AudioRendition>,
    /// Subtitles; every picture variant offers all of them.
    #[serde(default)]
    pub subtitles: Vec<SubtitleRendition>,
    /// Data about the whole video.
    #[serde(default)]
    pub session_data: Vec<SessionData>,
}

/// One `EXT-X-MEDIA` of type subtitles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitleRendition {
    /// What players show; differs from every other name.
    pub name: String,
    /// Its media playlist, relative to the master playlist.
    pub uri: String,
    /// Language tag, when known.
    pub language: Option<String>,
    /// True when it is shown unless the user chooses otherwise.
    pub default: bool,
    /// True for text that is shown even when subtitles are off.
    pub forced: bool,
}

/// One `EXT-X-SESSION-DATA` that points to a JSON file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionData {
    /// What the data is, such as `com.apple.hls.chapters`.
    pub data_id: String,
    /// Where it is, relative to the master playlist.
    pub uri: String,
}

/// One `EXT-X-STREAM-INF`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Its media playlist, relative to the master playlist.
    pub uri: String,
    /// Measured rates of its own segments.
    pub bandwidth: Bandwidth,
    /// Measured rates of the sound that is played with it.
    pub audio_bandwidth: Option<Bandwidth>,
    /// Codec strings of the picture and of its audio group.
    pub codecs: Vec<String>,
    /// Width and height in pixels; `None` for sound alone.
    pub resolution: Option<(u32, u32)>,
    /// Frames per second; `None` for sound alone.
    pub frame_rate: Option<FrameRate>,
    /// Group of the audio renditions that go with it.
    pub audio_group: Option<String>,
}

/// One `EXT-X-MEDIA` of type audio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioRendition {
    /// Group that variants name.
    pub group_id: String,
    /// What players show; differs from every other name in the group.
    pub name: String,
    /// Its media playlist, relative to the master playlist.
    pub uri: String,
    /// Number of channels.
    pub channels: u32,
    /// Language tag, when known.
    pub language: Option<String>,
    /// True when it plays unless the user chooses another.
    pub default: bool,
    /// True when the player may choose it by the user's language; implied by `default`.
    pub autoselect: bool,
    /// What it is for.
    #[serde(default)]
    pub role: AudioRole,
}

/// Writes the master playlist.
///
/// Names may come from users: quotes and control characters in them are left out.
pub fn master_playlist(master: &Master) -> String {
    let mut text = String::from(HEAD);
    for data in &master.session_data {
        let attributes = [quoted("DATA-ID", &data.data_id), quoted("URI", &data.uri)];
        line(&mut text, format_args!("#EXT-X-SESSION-DATA:{}", attributes.join(",")));
    }
    let members: Vec<_> = master.audio.iter().map(AudioRendition::member).collect();
    for (audio, chosen) in master.audio.iter().zip(selection::chosen(&members)) {
        line(&mut text, format_args!("#EXT-X-MEDIA:{}", audio.attributes(chosen).join(",")));
    }
    let members: Vec<_> = master.subtitles.iter().map(SubtitleRendition::member).collect();
    for (subtitles, chosen) in master.subtitles.iter().zip(selection::chosen(&members)) {
        line(&mut text, format_args!("#EXT-X-MEDIA:{}", subtitles.attributes(chosen).join(",")));
    }
    for variant in &master.variants {
        let mut attributes = variant.attributes();
        if !master.subtitles.is_empty() && variant.resolution.is_some() {
            attributes.push(quoted("SUBTITLES", SUBTITLES));
        }
        line(&mut text, format_args!("#EXT-X-STREAM-INF:{}", attributes.join(",")));
        line(&mut text, format_args!("{}", clean(&variant.uri)));
    }
    text
}

impl SubtitleRendition {
    fn member(&self) -> Member {
        let language = self.language.as_deref().and_then(language::tag);
        let kind = Kind { language, forced: self.forced, characteristics: None };
        Member { group: SUBTITLES.to_owned(), kind, default: self.default, autoselect: true }
    }

    fn attributes(&self, chosen: Chosen) -> Vec<String> {
        let language = self.language.as_deref().and_then(language::tag);
        let language = language.map(|tag| quoted("LANGUAGE", &tag));
        let fixed = ["TYPE=SUBTITLES".to_owned(), quoted("GROUP-ID", SUBTITLES)];
        fixed
            .into_iter()
            .chain([quoted("NAME", &self.name)])
            .chain(language)
            .chain([
                format!("DEFAULT={}", yes(chosen.default)),
                format!("AUTOSELECT={}", yes(chosen.autoselect)),
                format!("FORCED={}", yes(self.forced)),
                quoted("URI", &self.uri),
            ])
            .collect()
    }
}

impl AudioRendition {
    fn member(&self) -> Member {
        let language = self.language.as_deref().and_then(language::tag);
        let kind = Kind { language, forced: false, characteristics: self.characteristics() };
        let autoselect = self.autoselect || self.default;
        Member { group: self.group_id.clone(), kind, default: self.default, autoselect }
    }

    /// Media characteristics (RFC 8216, 4.3.4.1; speech that is easier to understand is of its second
    /// edition).
    fn characteristics(&self) -> Option<&'static str> {
        match self.role {
            AudioRole::Described => Some("public.accessibility.describes-video"),
            AudioRole::ClearSpeech => Some("public.accessibility.enhances-speech-intelligibility"),
            AudioRole::Main | AudioRole::Dub | AudioRole::Commentary => None,
        }
    }

    fn attributes(&self, chosen: Chosen) -> Vec<String> {
        let language = self.language.as_deref().and_then(language::tag);
        let language = language.map(|tag| quoted("LANGUAGE", &tag));
        let characteristics = self.characteristics().map(|it| quoted("CHARACTERISTICS", it));
        let fixed = ["TYPE=AUDIO".to_owned(), quoted("GROUP-ID", &self.group_id)];
        fixed
            .into_iter()
            .chain([quoted("NAME", &self.name)])
            .chain(language)
            .chain([
                format!("DEFAULT={}", yes(chosen.default)),
                format!("AUTOSELECT={}", yes(chosen.autoselect)),
            ])
            .chain(characteristics)
            .chain([format!("CHANNELS=\"{}\"", self.channels), quoted("URI", &self.uri)])
            .collect()
    }
}

impl Variant {
    fn attributes(&self) -> Vec<String> {
        let resolution =
            self.resolution.map(|(width, height)| format!("RESOLUTION={width}x{height}"));
        let rate = self.frame_rate.map(|rate| format!("FRAME-RATE={:.3}", rate.as_f64()));
        let audio = self.audio_group.as_ref().map(|group| quoted("AUDIO", group));
        let total = self.audio_bandwidth.map_or(self.bandwidth, |audio| self.bandwidth.with(audio));
        // Readers disagree on whether the mean includes the audio group. Where that matters (more than
        // the tenth validators allow) the optional attribute is left out.
        let agreed = 10 * self.bandwidth.average >= 9 * total.average;
        let average = agreed.then(|| format!("AVERAGE-BANDWIDTH={}", total.average));
        [Some(format!("BANDWIDTH={}", total.peak)), average]
            .into_iter()
            .flatten()
            .chain([quoted("CODECS", &self.codecs.join(","))])
            .chain(resolution)
            .chain(rate)
            .chain(audio)
            .collect()
    }
}

fn yes(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}

fn quoted(attribute: &str, value: &str) -> String {
    format!("{attribute}=\"{}\"", clean(value))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn sound(name: &str) -> AudioRendition {
        AudioRendition {
            group_id: "audio-128".to_owned(),
            name: name.to_owned(),
            uri: "audio-128/index.m3u8".to_owned(),
            channels: 2,
            language: None,
            default: true,
            autoselect: false,
            role: AudioRole::Main,
        }
    }

    fn picture() -> Variant {
        Variant {
            uri: "720p/index.m3u8".to_owned(),
            bandwidth: Bandwidth { peak: 3_070_000, average: 2_780_000 },
            audio_bandwidth: Some(Bandwidth { peak: 130_000, average: 120_000 }),
            codecs: vec!["avc1.64001f".to_owned(), "mp4a.40.2".to_owned()],
            resolution: Some((1280, 720)),
            frame_rate: FrameRate::new(30_000, 1001),
            audio_group: Some("audio-128".to_owned()),
        }
    }

    #[test]
    fn pictures_name_their_sound() {
        let spoken = AudioRendition {
            language: Some("de".to_owned()),
            default: false,
            ..sound("Kommentar")
        };
        let master = Master {
            variants: vec![picture()],
            audio: vec![sound("Audio"), spoken],
            ..Master::default()
        };
        expect![[r#"
            #EXTM3U
            #EXT-X-VERSION:7
            #EXT-X-INDEPENDENT-SEGMENTS
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-128",NAME="Audio",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio-128/index.m3u8"
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-128",NAME="Kommentar",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=NO,CHANNELS="2",URI="audio-128/index.m3u8"
            #EXT-X-STREAM-INF:BANDWIDTH=3200000,AVERAGE-BANDWIDTH=2900000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio-128"
            720p/index.m3u8
        "#]]
        .assert_eq(&master_playlist(&master));
    }

    #[test]
    fn sound_for_some_listeners_says_so() {
        let of = |role| {
            let audio = AudioRendition { role, default: false, ..sound("Other") };
            let audio = vec![sound("Audio"), audio];
            master_playlist(&Master { variants: vec![picture()], audio, ..Master::default() })
        };
        let described = of(AudioRole::Described);
        assert!(
            described.contains(
                r#"AUTOSELECT=NO,CHARACTERISTICS="public.accessibility.describes-video",CHANNELS"#
            ),
            "{described}"
        );
        assert_eq!(described.matches("CHARACTERISTICS").count(), 1);
        let clear = of(AudioRole::ClearSpeech);
        assert!(clear.contains("enhances-speech-intelligibility"), "{clear}");
        assert!(!of(AudioRole::Commentary).contains("CHARACTERISTICS"));
    }

    #[test]
    fn a_mean_that_readers_disagree_on_is_left_out() {
        let small =
            Variant { bandwidth: Bandwidth { peak: 500_000, average: 400_000 }, ..picture() };
        let text =
            master_playlist(&Master { variants: vec![small], audio: vec![], ..Master::default() });
        assert!(text.contains("BANDWIDTH=630000,CODECS") && !text.contains("AVERAGE"), "{text}");
    }

    #[test]
    fn sound_alone_is_a_variant_without_a_picture() {
        let variant = Variant {
            uri: "audio-64/index.m3u8".to_owned(),
            bandwidth: Bandwidth { peak: 70_000, average: 65_000 },
            audio_bandwidth: None,
            codecs: vec!["mp4a.40.2".to_owned()],
            resolution: None,
            frame_rate: None,
            audio_group: None,
        };
        expect![[r#"
            #EXTM3U
            #EXT-X-VERSION:7
            #EXT-X-INDEPENDENT-SEGMENTS
            #EXT-X-STREAM-INF:BANDWIDTH=70000,AVERAGE-BANDWIDTH=65000,CODECS="mp4a.40.2"
            audio-64/index.m3u8
        "#]]
        .assert_eq(&master_playlist(&Master {
            variants: vec![variant],
            audio: vec![],
            ..Master::default()
        }));
    }

    #[test]
    fn a_name_cannot_inject_attributes_or_lines() {
        let evil = "x\",URI=\"http://evil\r\n#EXT-X-KEY:METHOD=AES-128\u{85}\nhttp://evil/a.m3u8";
        let audio = AudioRendition {
            group_id: evil.to_owned(),
            language: Some(evil.to_owned()),
            uri: evil.to_owned(),
            ..sound(evil)
        };
        let variant = Variant {
            uri: evil.to_owned(),
            codecs: vec![evil.to_owned()],
            audio_group: Some(evil.to_owned()),
            ..picture()
        };
        let text = master_playlist(&Master {
            variants: vec![variant],
            audio: vec![audio],
            ..Master::default()
        });
        assert_eq!(text.lines().count(), 3 + 1 + 2);
        assert!(!text.contains(['\r', '\u{85}']));
        let media = text.lines().nth(3).unwrap();
        assert_eq!(media.matches('"').count(), 2 * 4, "{media}");
        assert_eq!(text.lines().nth(4).unwrap().matches('"').count(), 2 * 2);
        assert!(!text.lines().nth(5).unwrap().contains('"'));
    }
}

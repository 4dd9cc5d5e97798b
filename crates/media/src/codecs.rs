//! RFC 6381 codec strings, read from the sample entry of the encoded track and never guessed.
//!
//! Knows the two codecs Millrace makes, AVC and AAC; any other is an error, not a placeholder.

use mp4_atom::{Codec, Encode};

/// `objectTypeIndication` of MPEG-4 audio (ISO/IEC 14496-1, table 5).
const MPEG4_AUDIO: u8 = 0x40;

/// A sample entry that has no codec string here; holds its four-character code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a codec Millrace makes")]
pub struct Unsupported(pub String);

/// The string for `CODECS`, such as `avc1.64001f` or `mp4a.40.2`.
///
/// Hexadecimal digits are lower case, as ffmpeg and its checkers write them.
pub fn rfc6381(entry: &Codec) -> Result<String, Unsupported> {
    match entry {
        Codec::Avc1(avc) => {
            let avcc = &avc.avcc;
            let (profile, level) = (avcc.avc_profile_indication, avcc.avc_level_indication);
            Ok(format!("avc1.{profile:02x}{:02x}{level:02x}", avcc.profile_compatibility))
        }
        Codec::Mp4a(aac) => {
            let config = &aac.esds.es_desc.dec_config;
            let object_type = config.object_type_indication;
            match &config.dec_specific {
                Some(specific) if object_type == MPEG4_AUDIO && specific.profile > 0 => {
                    Ok(format!("mp4a.{object_type:02x}.{}", specific.profile))
                }
                _ => Err(Unsupported(format!("mp4a.{object_type:02x}"))),
            }
        }
        other => Err(Unsupported(four_character_code(other))),
    }
}

/// The enum hides the code of entries it does not know; their encoding starts with it.
fn four_character_code(entry: &Codec) -> String {
    let mut bytes = Vec::new();
    let written = entry.encode(&mut bytes);
    let code = bytes.get(4..8).filter(|_| written.is_ok());
    code.map_or_else(|| "unknown".to_owned(), |code| code.escape_ascii().to_string())
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Audio, Avc1, Avcc, Hvc1, Mp4a, esds};

    use super::*;

    fn avc(profile: u8, constraints: u8, level: u8) -> Codec {
        let avcc = Avcc {
            avc_profile_indication: profile,
            profile_compatibility: constraints,
            avc_level_indication: level,
            ..Avcc::default()
        };
        Codec::Avc1(Avc1 { avcc, ..Avc1::default() })
    }

    fn aac(object_type_indication: u8, profile: u8) -> Codec {
        let specific = esds::DecoderSpecific { profile, ..esds::DecoderSpecific::default() };
        let dec_config = esds::DecoderConfig {
            object_type_indication,
            dec_specific: Some(specific),
            ..esds::DecoderConfig::default()
        };
        let audio = Audio {
            data_reference_index: 1,
            channel_count: 2,
            sample_size: 16,
            sample_rate: 48_000.into(),
        };
        let es_desc = esds::EsDescriptor { dec_config, ..esds::EsDescriptor::default() };
        Codec::Mp4a(Mp4a { audio, esds: mp4_atom::Esds { es_desc }, btrt: None, taic: None })
    }

    #[test]
    fn what_we_make_has_a_string() {
        for (entry, string) in [
            (avc(0x64, 0, 0x1f), "avc1.64001f"),
            (avc(0x4d, 0x40, 0x0a), "avc1.4d400a"),
            (avc(0x42, 0xc0, 0x33), "avc1.42c033"),
            (aac(0x40, 2), "mp4a.40.2"),
            (aac(0x40, 5), "mp4a.40.5"),
        ] {
            assert_eq!(rfc6381(&entry).unwrap(), string);
        }
    }

    #[test]
    fn what_we_do_not_make_is_named() {
        let refused = |entry: &Codec| rfc6381(entry).unwrap_err().0;
        assert_eq!(refused(&aac(0x6b, 2)), "mp4a.6b");
        assert_eq!(refused(&aac(0x40, 0)), "mp4a.40");
        assert_eq!(refused(&Codec::Hvc1(Hvc1::default())), "hvc1");
    }
}

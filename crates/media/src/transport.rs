//! What the tables of an MPEG transport stream say (ISO/IEC 13818-1): its programmes, where one changes
//! its elementary streams, where each stream begins, and whether it is scrambled.
//!
//! A new programme may bring another codec under the old packet identifier, or the same under a new
//! one. ffmpeg decodes the first as what it was before and takes the second for one more track, so
//! the parts of such a file have to be read each by itself.

use std::collections::{BTreeMap, VecDeque};

/// Sizes of a packet: plain, with the time stamp of a Blu-ray in front, with parity behind.
const SIZES: [usize; 3] = [188, 192, 204];
/// Bytes of a packet that count, from the sync byte on.
const PACKET: usize = 188;
const SYNC: u8 = 0x47;
/// Packets in a row that tell the size of one.
const ROW: usize = 5;
/// Bytes of a section at most (2.4.4.9: 1021 behind its length).
const SECTION_MAX: usize = 1024;
/// How far in front of a changed map the table that leads to it still begins the part, in bytes.
const TABLE_NEAR: u64 = 64 << 10;
/// Changes that are told of at most.
const CHANGES_MAX: usize = 64;
/// Programmes that are followed at most: a multiplex of a satellite carries some thirty.
const PROGRAMMES_MAX: usize = 64;
/// Packet identifiers are numbers of 13 bits.
const PIDS: usize = 1 << 13;

/// An elementary stream: packet identifier, stream type, and what the descriptors say of a private one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream {
    pid: u16,
    kind: u8,
    private: u32,
}

/// The streams of a programme that are played: the first picture and the first sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Played {
    picture: Option<Stream>,
    sound: Option<Stream>,
}

/// A programme over the file; where its number goes, the first that is listed takes its place.
#[derive(Debug, Default)]
struct Programme {
    map: Option<u16>,
    played: Option<Played>,
    changes: Vec<u64>,
}

/// What the packets of an identifier are like.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Byte of the first packet that begins a unit.
    begins: Option<u64>,
    packets: u64,
    scrambled: u64,
}

/// Reads a file from its beginning, in pieces of any size.
#[derive(Debug)]
pub struct Programmes {
    /// Bytes that are not read yet, and the place of the first.
    bytes: VecDeque<u8>,
    at: u64,
    size: Option<usize>,
    /// Where the last programme association table began.
    table: u64,
    /// By number; 0, which no programme has, stands for whichever is listed first.
    by_number: BTreeMap<u16, Programme>,
    /// The beginning of a section, by packet identifier.
    sections: BTreeMap<u16, Vec<u8>>,
    seen: Vec<Seen>,
    /// Identifiers that some map has listed as picture, or as sound.
    pictures: Vec<u16>,
    sounds: Vec<u16>,
}

impl Default for Programmes {
    fn default() -> Self {
        Self::new()
    }
}

impl Programmes {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self {
            bytes: VecDeque::new(),
            at: 0,
            size: None,
            table: 0,
            by_number: BTreeMap::from([(0, Programme::default())]),
            sections: BTreeMap::new(),
            seen: vec![Seen::default(); PIDS],
            pictures: Vec::new(),
            sounds: Vec::new(),
        }
    }

    /// Reads on.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let largest = SIZES[SIZES.len() - 1];
        while self.bytes.len() > largest * ROW {
            let Some(size) = self.size.or_else(|| self.size_here()) else {
                self.skip(1);
                continue;
            };
            if self.bytes[0] != SYNC || self.bytes[size] != SYNC {
                self.size = None;
                self.skip(1);
                continue;
            }
            self.size = Some(size);
            self.see();
            // Nearly all packets are of no interest, and are not copied.
            let pid = self.pid();
            if pid == 0 || self.by_number.values().any(|it| it.map == Some(pid)) {
                let packet: Vec<u8> = self.bytes.range(..PACKET).copied().collect();
                self.packet(pid, &packet);
            }
            self.skip(size);
        }
    }

    /// Byte at which each part but the first of a programme begins, in order: of the one with this
    /// number, or of the first that is listed.
    pub fn changes(&self, number: Option<u16>) -> &[u64] {
        let programme = number.and_then(|it| self.by_number.get(&it));
        programme.or_else(|| self.by_number.get(&0)).map_or(&[], |it| &it.changes)
    }

    /// Pictures and sounds that have packets: identifier, and the byte where the first unit begins.
    pub fn begins(&self) -> impl Iterator<Item = (u16, u64)> {
        let listed = self.pictures.iter().chain(&self.sounds);
        listed.filter_map(|&pid| Some((pid, self.seen[usize::from(pid)].begins?)))
    }

    /// True when every picture, or every sound where there are no pictures, is scrambled for the most
    /// part (`transport_scrambling_control`): only who has the key can play it.
    pub fn is_scrambled(&self) -> bool {
        let played = if self.pictures.is_empty() { &self.sounds } else { &self.pictures };
        let seen = || played.iter().map(|&pid| self.seen[usize::from(pid)]);
        seen().any(|it| it.packets > 0) && seen().all(|it| it.scrambled * 2 >= it.packets)
    }

    /// Byte where the first part of any programme ends, if others follow.
    pub fn first_change(&self) -> Option<u64> {
        self.by_number.values().filter_map(|it| it.changes.first().copied()).min()
    }

    fn size_here(&self) -> Option<usize> {
        let fits = |size: &usize| (0..ROW).all(|row| self.bytes[row * size] == SYNC);
        SIZES.into_iter().find(fits)
    }

    fn skip(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.at += count as u64;
    }

    fn pid(&self) -> u16 {
        u16::from_be_bytes([self.bytes[1] & 0x1f, self.bytes[2]])
    }

    /// Counts a packet (2.4.3.2).
    fn see(&mut self) {
        let pid = self.pid();
        let (begins, filled) = (self.bytes[1] & 0x40 != 0, self.bytes[3] & 0x10 != 0);
        let scrambled = self.bytes[3] & 0xc0 != 0;
        let seen = &mut self.seen[usize::from(pid)];
        seen.packets += u64::from(filled);
        seen.scrambled += u64::from(filled && scrambled);
        if begins && !scrambled && seen.begins.is_none() {
            seen.begins = Some(self.at);
        }
    }

    /// Reads one packet of a table (2.4.3.2).
    fn packet(&mut self, pid: u16, packet: &[u8]) {
        let begins = packet[1] & 0x40 != 0;
        let (adapted, filled) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        let from = if adapted { 5 + usize::from(packet[4]) } else { 4 };
        let Some(payload) = packet.get(from..).filter(|_| filled && packet[1] & 0x80 == 0) else {
            return;
        };
        let mut section = self.sections.remove(&pid).unwrap_or_default();
        if begins {
            let pointer = payload.first().map_or(0, |&pointer| 1 + usize::from(pointer));
            section = payload.get(pointer..).unwrap_or_default().to_vec();
            if pid == 0 {
                self.table = self.at;
            }
        } else if section.is_empty() {
            return;
        } else {
            section.extend(payload);
        }
        match whole(&section) {
            Some(section) if pid == 0 => self.associate(section),
            Some(section) => self.compare(pid, section),
            None if section.len() <= SECTION_MAX => {
                self.sections.insert(pid, section);
            }
            None => {}
        }
    }

    /// Takes in where the maps are, from an association table (2.4.4.3).
    fn associate(&mut self, section: &[u8]) {
        let Some(listed) = section.get(8..).filter(|_| section[0] == 0) else { return };
        let entries = listed.chunks_exact(4).map(|entry| {
            let number = u16::from_be_bytes([entry[0], entry[1]]);
            (number, u16::from_be_bytes([entry[2] & 0x1f, entry[3]]))
        });
        let maps: Vec<(u16, u16)> = entries.filter(|&(number, _)| number != 0).collect();
        let Some(&(_, first)) = maps.first() else { return };
        for &(number, _) in &maps {
            if self.by_number.len() < PROGRAMMES_MAX {
                self.by_number.entry(number).or_default();
            }
        }
        for (number, programme) in &mut self.by_number {
            let own = maps.iter().find(|(listed, _)| listed == number);
            programme.map = Some(own.map_or(first, |&(_, map)| map));
        }
    }

    /// Takes in what a programme map lists (2.4.4.8), for each programme whose map it is.
    fn compare(&mut self, pid: u16, section: &[u8]) {
        let Some(listed) = streams(section) else { return };
        let mut found = Played::default();
        for stream in listed {
            let (first, known) = match nature(stream.kind, stream.private) {
                Nature::Picture => (&mut found.picture, &mut self.pictures),
                Nature::Sound => (&mut found.sound, &mut self.sounds),
                Nature::Other => continue,
            };
            first.get_or_insert(stream);
            if !known.contains(&stream.pid) {
                known.push(stream.pid);
            }
        }
        let near = self.at - self.table <= TABLE_NEAR;
        let begins = if near { self.table } else { self.at };
        for programme in self.by_number.values_mut().filter(|it| it.map == Some(pid)) {
            programme.compare(found, begins);
        }
    }
}

impl Programme {
    fn compare(&mut self, found: Played, begins: u64) {
        let before = self.played.replace(found);
        // A stream that is added changes nothing that was there.
        let gone = |before: Option<Stream>, now| before.is_some() && before != now;
        let Some(before) = before else { return };
        let changed = gone(before.picture, found.picture) || gone(before.sound, found.sound);
        if changed && self.changes.len() < CHANGES_MAX {
            self.changes.push(begins);
        }
    }
}

/// A section that is there to its end and not damaged, without its checksum.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([bytes.get(1)? & 0x0f, *bytes.get(2)?]));
    let section = bytes.get(..3 + length)?;
    let current = section.get(5)? & 1 == 1;
    (length >= 9 && current && checksum(section) == 0).then(|| &section[..section.len() - 4])
}

/// CRC-32 of annex A, which is 0 over a section with its own.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            crc << 1 ^ if crc & 0x8000_0000 == 0 { 0 } else { 0x04c1_1db7 }
        })
    })
}

/// The elementary streams that a programme map lists (2.4.4.8).
fn streams(section: &[u8]) -> Option<Vec<Stream>> {
    let skipped = section.get(10..12).filter(|_| section[0] == 2)?;
    let from = 12 + usize::from(u16::from_be_bytes([skipped[0] & 0x0f, skipped[1]]));
    let mut rest = section.get(from..)?;
    let mut found = Vec::new();
    while let [kind, pid_high, pid_low, length_high, length_low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([length_high & 0x0f, *length_low]));
        let descriptors = behind.get(..length)?;
        rest = &behind[length..];
        let pid = u16::from_be_bytes([pid_high & 0x1f, *pid_low]);
        let private = if *kind == PRIVATE { private(descriptors) } else { 0 };
        found.push(Stream { pid, kind: *kind, private });
    }
    Some(found)
}

/// Stream type of private data, whose descriptors say what it is.
const PRIVATE: u8 = 0x06;

enum Nature {
    Picture,
    Sound,
    Other,
}

/// What a stream type stands for: table 2-34, and those of ATSC A/52 and SMPTE 227 as libavformat
/// knows them (`ISO_types`, `HDMV_types`, `MISC_types` of mpegts.c).
fn nature(kind: u8, private: u32) -> Nature {
    match kind {
        0x01 | 0x02 | 0x10 | 0x1b | 0x20 | 0x21 | 0x24 | 0x33 | 0x42 | 0xd1 | 0xd2 | 0xd4
        | 0xea => Nature::Picture,
        0x03 | 0x04 | 0x0f | 0x11 | 0x1c | 0x80..=0x85 | 0x87 | 0xa1 | 0xa2 | 0x8a => Nature::Sound,
        PRIVATE => match &private.to_be_bytes() {
            b"HEVC" | b"AV01" | b"VVC " | b"drac" | b"VC-1" => Nature::Picture,
            [0, 0, 0, tag] if SOUND_TAGS.contains(tag) => Nature::Sound,
            b"AC-3" | b"EAC3" | b"Opus" | b"DTS1" | b"DTS2" | b"DTS3" | b"BSSD" | b"ac-4" => {
                Nature::Sound
            }
            _ => Nature::Other,
        },
        _ => Nature::Other,
    }
}

/// Descriptors of AC-3, E-AC-3, DTS and AAC (ETSI EN 300 468, 6.1).
const SOUND_TAGS: [u8; 4] = [0x6a, 0x7a, 0x7b, 0x7c];
/// The registration descriptor (2.6.8).
const REGISTRATION: u8 = 0x05;

/// What the descriptors of private data say it is: a registered name, or the tag that names the codec.
fn private(mut descriptors: &[u8]) -> u32 {
    let mut found = 0;
    while let [tag, length, behind @ ..] = descriptors {
        let Some(body) = behind.get(..usize::from(*length)) else { break };
        match (*tag, body) {
            (REGISTRATION, [a, b, c, d, ..]) => return u32::from_be_bytes([*a, *b, *c, *d]),
            (tag, _) if SOUND_TAGS.contains(&tag) => found = u32::from(tag),
            _ => {}
        }
        descriptors = &behind[body.len()..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with a payload, the rest of it stuffed.
    fn packet(pid: u16, begins: bool, payload: &[u8]) -> Vec<u8> {
        let [high, low] = pid.to_be_bytes();
        let mut packet = vec![SYNC, high | if begins { 0x40 } else { 0 }, low, 0x10];
        packet.extend(payload);
        packet.resize(PACKET, 0xff);
        packet
    }

    fn section(table: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(5 + body.len() + 4).unwrap().to_be_bytes();
        let mut bytes = vec![table, 0xb0 | length[0], length[1], 0, 1, 0xc1, 0, 0];
        bytes.extend(body);
        bytes.extend(checksum(&bytes).to_be_bytes());
        bytes
    }

    /// Tables and twenty packets of a programme of these streams (type, identifier, descriptors).
    fn programme(map: u16, streams: &[(u8, u16, &[u8])]) -> Vec<u8> {
        let [high, low] = map.to_be_bytes();
        let table = [vec![0], section(0, &[0, 1, 0xe0 | high, low])].concat();
        let mut body = vec![0xe1, 0, 0xf0, 0];
        for (kind, pid, descriptors) in streams {
            let [high, low] = pid.to_be_bytes();
            body.extend([*kind, 0xe0 | high, low, 0xf0, u8::try_from(descriptors.len()).unwrap()]);
            body.extend(*descriptors);
        }
        let map_section = [vec![0], section(2, &body)].concat();
        let mut bytes = packet(0, true, &table);
        for (at, part) in map_section.chunks(PACKET - 4).enumerate() {
            bytes.extend(packet(map, at == 0, part));
        }
        for _ in 0..20 {
            bytes.extend(packet(0x100, true, &[0, 0, 1, 0xe0]));
        }
        bytes
    }

    fn changes(bytes: &[u8], piece: usize) -> Vec<u64> {
        let mut programmes = Programmes::new();
        bytes.chunks(piece).for_each(|piece| programmes.push(piece));
        // What is read ahead of a packet.
        programmes.push(&vec![0; 204 * ROW]);
        programmes.changes(None).to_vec()
    }

    fn read(bytes: &[u8]) -> Programmes {
        let mut programmes = Programmes::new();
        programmes.push(bytes);
        // A packet is recognised only when others follow it.
        programmes.push(&packet(0x1fff, false, &[]).repeat(ROW));
        programmes.push(&vec![0; 204 * ROW]);
        programmes
    }

    #[test]
    fn each_programme_has_its_own_changes() {
        let tables = |second: (u8, u16, &[u8])| {
            let entries = [0, 1, 0xf0, 0x00, 0, 2, 0xf0, 0x01];
            let mut bytes = packet(0, true, &[vec![0], section(0, &entries)].concat());
            // The maps alone, without the table in front and the packets behind.
            let map = |pid, streams: &[_]| programme(pid, streams)[PACKET..2 * PACKET].to_vec();
            bytes.extend(map(0x1000, &[H264, AAC]));
            bytes.extend(map(0x1001, &[(0x1b, 0x200, &[]), second]));
            bytes
        };
        let first = tables((0x0f, 0x201, &[]));
        let read = read(&[first.clone(), tables((0x81, 0x201, &[]))].concat());
        assert!(read.changes(None).is_empty() && read.changes(Some(1)).is_empty());
        assert_eq!(read.changes(Some(2)), [first.len() as u64]);
    }

    #[test]
    fn streams_begin_where_their_first_unit_does() {
        let late = (0x0f, 0x101, &[][..]);
        let bytes = [
            programme(0x1000, &[H264, late]),
            packet(0x101, false, &[1]),
            packet(0x101, true, &[0, 0, 1, 0xc0]),
        ];
        let read = read(&bytes.concat());
        let begins: Vec<(u16, u64)> = read.begins().collect();
        assert_eq!(begins, [(0x100, 2 * PACKET as u64), (0x101, 23 * PACKET as u64)]);
    }

    #[test]
    fn what_is_scrambled_for_the_most_part_cannot_be_played() {
        let scrambled = |pid: u16, count: usize| {
            let mut packet = packet(pid, true, &[0, 0, 1]);
            packet[3] |= 0xc0;
            packet.repeat(count)
        };
        let clear = programme(0x1000, &[H264, AAC]);
        let is = |pid, count| read(&[clear.clone(), scrambled(pid, count)].concat()).is_scrambled();
        assert!(is(0x100, 20) && !is(0x100, 19) && !is(0x101, 100) && !read(&clear).is_scrambled());
    }

    const H264: (u8, u16, &[u8]) = (0x1b, 0x100, &[]);
    const AAC: (u8, u16, &[u8]) = (0x0f, 0x101, &[]);

    #[test]
    fn a_codec_or_an_identifier_that_goes_is_a_change() {
        let (first, begin) = (programme(0x1000, &[H264, AAC]), 22 * PACKET as u64);
        let private: (u8, u16, &[u8]) = (0x06, 0x101, &[0x05, 4, b'A', b'C', b'-', b'3']);
        for (second, told) in [
            (programme(0x1000, &[H264, AAC]), false),
            (programme(0x1001, &[H264, AAC]), false),
            (programme(0x1000, &[H264, AAC, (0x81, 0x102, &[])]), false),
            (programme(0x1000, &[H264, (0x81, 0x101, &[])]), true),
            (programme(0x1000, &[H264, private]), true),
            (programme(0x1000, &[H264, (0x0f, 0x105, &[])]), true),
            (programme(0x1000, &[(0x02, 0x100, &[]), AAC]), true),
            (programme(0x1000, &[H264]), true),
        ] {
            let bytes = [first.clone(), second].concat();
            let expected = if told { vec![begin] } else { vec![] };
            for piece in [bytes.len(), 1000, 7] {
                assert_eq!(changes(&bytes, piece), expected);
            }
        }
    }

    #[test]
    fn packets_are_found_whatever_lies_around_them() {
        let first = programme(0x1000, &[H264, AAC]);
        let second = programme(0x1000, &[H264, (0x03, 0x101, &[])]);
        let plain = [first.clone(), second.clone()].concat();
        for (before, behind) in [(4, 0), (0, 16)] {
            let wrap = |packet: &[u8]| [&vec![0x11; before][..], packet, &vec![0; behind]].concat();
            let wrapped: Vec<u8> = plain.chunks(PACKET).flat_map(wrap).collect();
            let size = (PACKET + before + behind) as u64;
            assert_eq!(changes(&wrapped, 4096), [22 * size + before as u64]);
        }
        // Files joined where a packet is torn.
        let torn = [&first[..first.len() - 100], &second].concat();
        let found = changes(&torn, 4096);
        assert_eq!(found, [first.len() as u64 - 100]);
    }

    #[test]
    fn a_map_may_be_long_and_a_damaged_one_says_nothing() {
        let long: &[u8] = &[0xaa; 150];
        let padded = [(0x86, 0x200, long), (0x86, 0x201, long), H264, AAC];
        let other = [(0x86, 0x200, long), (0x86, 0x201, long), H264, (0x11, 0x101, &[][..])];
        let first = programme(0x1000, &padded);
        assert_eq!(
            changes(&[first.clone(), programme(0x1000, &other)].concat(), 4096),
            [first.len() as u64]
        );
        let mut damaged = programme(0x1000, &[H264]);
        damaged[PACKET + 20] ^= 1;
        assert!(changes(&[first, damaged].concat(), 4096).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_are_read_to_their_end(
            mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..6000),
            size in 0usize..3,
        ) {
            for at in (0..bytes.len()).step_by(SIZES[size]) {
                bytes[at] = SYNC;
            }
            let _ = changes(&bytes, 512);
        }
    }
}

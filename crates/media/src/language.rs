//! Language tags: from the codes of containers (ISO 639-2, in either of its two forms) to those of
//! playlists (RFC 5646, whose primary subtag is the shortest code).

/// Codes of three letters that have one of two letters (ISO 639-2, bibliographic and terminological,
/// to ISO 639-1), sorted.
const SHORTER: &str = "\
    aaraa abkab afraf akaak albsq amham araar argan armhy asmas avaav aveae aymay azeaz bakba \
    bambm baqeu belbe benbn bihbh bisbi bodbo bosbs brebr bulbg burmy catca cescs chach chece \
    chizh chucu chvcv corkw cosco crecr cymcy czecs danda deude divdv dutnl dzodz ellel engen \
    epoeo estet euseu eweee faofo fasfa fijfj finfi frafr frefr fryfy fulff geoka gerde glagd \
    glega glggl glvgv greel grngn gujgu hatht hauha hebhe herhz hinhi hmoho hrvhr hunhu hyehy \
    iboig iceis idoio iiiii ikuiu ileie inaia indid ipkik islis itait javjv jpnja kalkl kankn \
    kasks katka kaukr kazkk khmkm kikki kinrw kirky komkv konkg korko kuakj kurku laolo latla \
    lavlv limli linln litlt ltzlb lublu luglg macmk mahmh malml maomi marmr mayms mkdmk mlgmg \
    mltmt monmn mrimi msams myamy nauna navnv nblnr ndend ndong nepne nldnl nnonn nobnb norno \
    nyany ocioc ojioj orior ormom ossos panpa perfa plipi polpl porpt pusps quequ rohrm ronro \
    rumro runrn rusru sagsg sansa sinsi slksk slosk slvsl smese smosm snasn sndsd somso sotst \
    spaes sqisq srdsc srpsr sswss sunsu swasw swesv tahty tamta tattt telte tgktg tgltl thath \
    tibbo tirti tonto tsntn tsots tuktk turtr twitw uigug ukruk urdur uzbuz venve vievi volvo \
    welcy wlnwa wolwo xhoxh yidyi yoryo zhaza zhozh zulzu";
/// Codes that name no language: undetermined, none, several, and those not coded (ISO 639-2).
const NONE: [&str; 4] = ["und", "zxx", "mul", "mis"];

/// The tag of RFC 5646 for a language as a container writes it: `ger` and `deu` are `de`, `por-br` is
/// `pt-BR`. `None` when it names no language or is no tag.
pub fn tag(written: &str) -> Option<String> {
    let written = written.trim().replace('_', "-");
    let mut parts = written.split('-');
    let primary = parts.next()?.to_ascii_lowercase();
    let is_code = matches!(primary.len(), 2 | 3) && primary.bytes().all(|b| b.is_ascii_lowercase());
    if !is_code
        || NONE.contains(&primary.as_str())
        || ("qaa".."qtz\u{7f}").contains(&primary.as_str())
    {
        return None;
    }
    let mut tag = shorter(&primary).unwrap_or(&primary).to_owned();
    for part in parts {
        if !matches!(part.len(), 1..=8) || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        tag.push('-');
        tag.push_str(&cased(part));
    }
    Some(tag)
}

/// Scripts and regions as RFC 5646, 2.1.1 recommends to write them: `Latn`, `BR`.
fn cased(part: &str) -> String {
    match part.len() {
        2 => part.to_ascii_uppercase(),
        4 if part.bytes().all(|b| b.is_ascii_alphabetic()) => {
            let (first, rest) = part.split_at(1);
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        }
        _ => part.to_ascii_lowercase(),
    }
}

fn shorter(code: &str) -> Option<&'static str> {
    let mut entries = SHORTER.split(' ').filter_map(|entry| entry.split_at_checked(3));
    entries.find(|(long, _)| *long == code).map(|(_, short)| short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_code_is_taken() {
        for (written, expected) in [
            ("ger", "de"),
            ("deu", "de"),
            ("eng", "en"),
            ("fre", "fr"),
            ("fra", "fr"),
            ("chi", "zh"),
            ("ENG", "en"),
            ("de", "de"),
            ("gsw", "gsw"),
            ("por-br", "pt-BR"),
            ("pt_BR", "pt-BR"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
        ] {
            assert_eq!(tag(written).as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn what_names_no_language_is_left_out() {
        for written in
            ["und", "zxx", "mul", "mis", "qaa", "qad", "qtz", "English", "e", "", "en-\"x", "???"]
        {
            assert_eq!(tag(written), None, "{written}");
        }
    }

    #[test]
    fn the_table_is_well_formed() {
        let entries: Vec<&str> = SHORTER.split(' ').collect();
        assert!(entries.is_sorted() && entries.len() == 204);
        assert!(entries.iter().all(|entry| entry.len() == 5));
    }
}

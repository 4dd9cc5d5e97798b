//! Which members of a group play by default, and which a player may choose by itself.
//!
//! RFC 8216, 4.3.4.1.1: one default in a group at most, and those that may be chosen differ in what
//! they are chosen by.

/// What players choose by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Language tag.
    pub(super) language: Option<String>,
    /// True for texts that are shown always.
    pub(super) forced: bool,
    /// Media characteristics.
    pub(super) characteristics: Option<&'static str>,
}

/// A member of a group as requested.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) group: String,
    pub(super) kind: Kind,
    pub(super) default: bool,
    pub(super) autoselect: bool,
}

/// A member as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    /// Plays unless the user chooses another.
    pub(super) default: bool,
    /// May be chosen by the user's language and needs.
    pub(super) autoselect: bool,
}

/// Where several members compete, the first one wins; defaults come before others.
pub(super) fn chosen(members: &[Member]) -> Vec<Chosen> {
    let mut all = vec![Chosen::default(); members.len()];
    let same = |a: &Member, b: &Member| a.group == b.group && a.kind == b.kind;
    for (at, member) in members.iter().enumerate().filter(|(_, member)| member.default) {
        let taken = members.iter().zip(&all).any(|(it, of)| it.group == member.group && of.default);
        if let Some(of) = all.get_mut(at).filter(|_| !taken) {
            *of = Chosen { default: true, autoselect: true };
        }
    }
    for (at, member) in members.iter().enumerate().filter(|(_, member)| member.autoselect) {
        let taken = members.iter().zip(&all).any(|(it, of)| same(it, member) && of.autoselect);
        if let Some(of) = all.get_mut(at).filter(|_| !taken) {
            of.autoselect = true;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(group: &str, language: &str, default: bool) -> Member {
        let kind =
            Kind { language: Some(language.to_owned()), forced: false, characteristics: None };
        Member { group: group.to_owned(), kind, default, autoselect: true }
    }

    #[test]
    fn one_default_a_group_and_one_choice_a_language() {
        let described = |member: Member| {
            let kind = Kind { characteristics: Some("described"), ..member.kind };
            Member { kind, ..member }
        };
        let members = [
            member("a", "en", false),
            member("a", "en", true),
            described(member("a", "en", false)),
            member("a", "de", true),
            member("b", "en", true),
            described(member("b", "en", false)),
            described(member("b", "en", false)),
        ];
        let letters = |it: &Chosen| match (it.default, it.autoselect) {
            (true, true) => 'D',
            (false, true) => 'A',
            (true, false) => '!',
            (false, false) => '-',
        };
        assert_eq!(chosen(&members).iter().map(letters).collect::<String>(), "-DAADA-");
    }
}

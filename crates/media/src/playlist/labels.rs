//! What players show in their menus.

/// A label for each track, given its title and its language: the first of these that says anything,
/// else `unnamed`. Told apart by number, as names in a group must differ (RFC 8216, 4.3.4.1.1).
pub fn labels<'a>(
    tracks: impl IntoIterator<Item = (&'a Option<String>, &'a Option<String>)>,
    unnamed: &str,
) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for (title, language) in tracks {
        let own = [title, language].into_iter().flatten().map(|name| name.trim());
        let own = own.into_iter().find(|name| !name.is_empty()).unwrap_or(unnamed);
        let numbered = (2..).map(|number| format!("{own} {number}"));
        let mut free = std::iter::once(own.to_owned()).chain(numbered);
        labels.extend(free.find(|label| !labels.contains(label)));
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_differ() {
        let text = |text: &str| Some(text.to_owned());
        let tracks = [
            (text("Full"), text("eng")),
            (None, text("eng")),
            (text("eng 2"), None),
            (text(" "), text("eng")),
            (None, None),
        ];
        let tracks = tracks.iter().map(|(title, language)| (title, language));
        assert_eq!(labels(tracks, "audio"), ["Full", "eng", "eng 2", "eng 3", "audio"]);
    }
}

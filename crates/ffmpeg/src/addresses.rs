//! URLs in the output of programs: shown, but without their queries, which may be signatures.

use std::borrow::Cow;

/// The text with `?…` in place of the query of every address in it.
pub(crate) fn without_queries(text: &str) -> Cow<'_, str> {
    if !(text.contains("://") && text.contains('?')) {
        return text.into();
    }
    let words = text.split_inclusive(char::is_whitespace).map(|word| match word.split_once('?') {
        Some((address, query)) if address.contains("://") => {
            let end = query.find(char::is_whitespace).unwrap_or(query.len());
            format!("{address}?…{}", &query[end..])
        }
        _ => word.to_owned(),
    });
    words.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_hidden_and_all_else_stays() {
        let check = |text: &str, expected: &str| assert_eq!(without_queries(text), expected);
        check("[error] what? http://a/b", "[error] what? http://a/b");
        check(
            "https://s3/x.mp4?X-Amz-Signature=1f: 403 Forbidden",
            "https://s3/x.mp4?… 403 Forbidden",
        );
        check("'http://a/b?c=d'\tand https://e?f", "'http://a/b?…\tand https://e?…");
    }
}

//! The pages that show the lifecycle are the ones that the code draws: `UPDATE_GOLDEN=1` draws them anew.

use server::lifecycle::{floor, picture};

#[test]
fn pages_show_what_the_code_draws() {
    let diagram = format!("```mermaid\n{}```\n", picture::diagram());
    block("docs/states.md", "states", &diagram);
    block("README.md", "states", &diagram);
    block("docs/states.md", "floor", &floor::tables());
}

/// Compares what a page has between two markers, or writes it.
fn block(page: &str, name: &str, drawn: &str) {
    let path = crate::file(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{page} has no {begin}"));
    let (shown, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{page} has no {end}"));
    if crate::updates() {
        std::fs::write(&path, format!("{before}{begin}{drawn}{end}{after}")).unwrap();
    } else {
        assert!(shown == drawn, "{page} is stale: UPDATE_GOLDEN=1 draws `{name}` anew");
    }
}

//! Which machines a list shows: as a person types it into the list's form, and as it stands in an address that can be
//! passed on.

use api::label::Selector;
use api::state::State;

use crate::tone::Tone;

/// Every condition holds; an empty one says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words that each have to be found somewhere.
    pub search: String,
    pub state: Option<State>,
    pub asks: Option<Tone>,
    pub profile: String,
    pub cluster: String,
    pub rack: String,
    /// As typed: selectors with spaces or commas between them.
    pub labels: String,
    pub quarantined: bool,
    /// Of the list, from 1.
    pub page: usize,
    /// What of the address was not understood, a sentence each.
    pub problems: Vec<String>,
}

impl Filter {
    /// From the pairs of an address. What is not a filter's is left alone.
    pub fn read(pairs: &[(String, String)]) -> Filter {
        let mut filter = Filter { page: 1, ..Filter::default() };
        for (name, value) in pairs {
            filter.take(name, value.trim());
        }
        let wrong = filter.labels().filter_map(|label| {
            let problem = label.parse::<Selector>().err()?;
            Some(format!("`{label}` is no condition on labels: {problem}"))
        });
        let wrong: Vec<String> = wrong.collect();
        filter.problems.extend(wrong);
        filter
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            _ if value.is_empty() => {}
            "q" => self.search = value.into(),
            "state" => match value.parse() {
                Ok(state) => self.state = Some(state),
                Err(_) => self.problems.push(format!("there is no state `{value}`")),
            },
            "asks" => match Tone::ALL.into_iter().find(|tone| tone.as_str() == value) {
                Some(tone) => self.asks = Some(tone),
                None => self.problems.push(format!("machines ask nothing called `{value}` of a person")),
            },
            "profile" => self.profile = value.into(),
            "cluster" => self.cluster = value.into(),
            "rack" => self.rack = value.into(),
            "label" if self.labels.is_empty() => self.labels = value.into(),
            "label" => self.labels += &format!(" {value}"),
            "quarantined" => self.quarantined = value != "no",
            "page" => self.page = value.parse().unwrap_or(1).max(1),
            _ => {}
        }
    }

    /// The conditions on labels that can be understood.
    pub fn selectors(&self) -> Vec<Selector> {
        self.labels().filter_map(|label| label.parse().ok()).collect()
    }

    fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.split([' ', ',']).filter(|label| !label.is_empty())
    }

    /// Anything is asked for but the whole list.
    pub fn narrows(&self) -> bool {
        self.pairs().iter().any(|(name, _)| *name != "page")
    }

    /// For an address; without a page that is the first.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let text = |name, text: &str| (name, text.to_string());
        let quarantined = if self.quarantined { "yes" } else { "" };
        let page = if self.page > 1 { self.page.to_string() } else { String::new() };
        let all = [
            text("q", &self.search),
            text("state", self.state.map_or("", State::as_str)),
            text("asks", self.asks.map_or("", Tone::as_str)),
            text("profile", &self.profile),
            text("cluster", &self.cluster),
            text("rack", &self.rack),
            text("label", &self.labels),
            text("quarantined", quarantined),
            text("page", &page),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The same as what comes behind `?` in an address.
    pub fn query(&self) -> String {
        query(&self.pairs())
    }

    /// The list with one thing about it changed, from its first page on.
    pub fn with(&self, change: impl FnOnce(&mut Filter)) -> Filter {
        let mut other = Filter { page: 1, problems: Vec::new(), ..self.clone() };
        change(&mut other);
        other
    }

    /// Where this list is.
    pub fn link(&self) -> String {
        let query = self.query();
        if query.is_empty() { "/".into() } else { format!("/?{query}") }
    }
}

/// Pairs as an address has them.
pub fn query(pairs: &[(&str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Filter {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Filter::read(&pairs)
    }

    #[test]
    fn an_address_leads_back_to_what_was_typed() {
        let typed = [
            ("q", "rack 7/ä&b"),
            ("state", "failed"),
            ("asks", "bad"),
            ("label", "zone=a, gpu"),
            ("quarantined", "yes"),
            ("page", "3"),
        ];
        let filter = read(&typed);
        assert!(filter.problems.is_empty() && filter.narrows());
        let link = filter.link();
        assert!(!link.contains([' ', 'ä']) && link.starts_with("/?q=rack+7%2F"), "{link}");
        let pairs: Vec<_> =
            form_urlencoded::parse(&link.as_bytes()[2..]).map(|(n, v)| (n.into(), v.into())).collect();
        assert_eq!(Filter::read(&pairs), filter);
        assert_eq!(filter.selectors().len(), 2);
    }

    #[test]
    fn nothing_asked_for_is_the_whole_list() {
        let filter = read(&[("q", " "), ("state", ""), ("page", "1"), ("csrf", "x")]);
        assert_eq!(filter, Filter { page: 1, ..Filter::default() });
        assert!(!filter.narrows());
        assert_eq!(filter.link(), "/");
    }

    #[test]
    fn what_is_not_understood_is_told_and_kept() {
        let filter = read(&[("state", "booted"), ("asks", "x"), ("label", "a b=c !=d"), ("page", "x")]);
        assert_eq!(filter.problems.len(), 3, "{:?}", filter.problems);
        assert_eq!((filter.labels.as_str(), filter.page), ("a b=c !=d", 1));
        assert_eq!(filter.selectors().len(), 2);
    }

    #[test]
    fn another_list_begins_at_its_first_page() {
        let filter = read(&[("state", "failed"), ("page", "7")]);
        assert_eq!(filter.with(|f| f.state = None).link(), "/");
        assert_eq!(filter.with(|f| f.page = 8).link(), "/?state=failed&page=8");
    }
}

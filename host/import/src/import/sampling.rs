//! The bodies of an import: what they correct, and which become samples.

use super::{SampleFile, Source, Work};
use crate::error::Error;
use crate::package::{Event, Package};
use crate::required::{Fixes, Required, count, learn};
use crate::samples::{self, Decoder, Sample, made_up, personal};

/// How many differences between bodies and a document are named.
const SHOWN_MAX: usize = 10;

/// The bodies of the chosen events.
pub(super) struct Sampling {
    given: Vec<Sample>,
    kept: Vec<Sample>,
    examples: Vec<Sample>,
    /// Whether the examples are what the sender sent, as in a folder of bodies.
    is_real: bool,
}

impl Sampling {
    /// Reads the bodies, and finds the event of each.
    pub(super) fn read(
        work: &mut Work<'_, '_>,
        events: &[Event],
        pointers: &[String],
    ) -> Result<Self, Error> {
        let mut unmatched = Vec::new();
        let mut given = Vec::new();
        for body in &work.request.bodies {
            let mut sample = Sample::read(body, 0)?;
            match samples::event_of(events, pointers, &body.file, &sample.root) {
                Some(event) => {
                    sample.event = event;
                    given.push(sample);
                }
                None => unmatched.push(body.file.clone()),
            }
        }
        let mut kept = Vec::new();
        for body in &work.request.kept {
            let case = body
                .file
                .rsplit('/')
                .next()
                .and_then(|it| it.strip_suffix(".json"));
            let event = events
                .iter()
                .position(|event| Some(event.case.as_str()) == case);
            if let Some(event) = event {
                kept.push(Sample::read(body, event)?);
            }
        }
        let webhooks = &work.description.webhooks;
        let examples = samples::examples(work.file, webhooks, events);
        work.notes.extend(samples::unmatched(&unmatched));
        Ok(Self {
            given,
            kept,
            examples,
            is_real: matches!(work.request.source, Source::Bodies(_)),
        })
    }

    /// Returns all bodies, and whether the sender sent them.
    fn all(&self) -> impl Iterator<Item = (&Sample, bool)> {
        let real = self.given.iter().chain(&self.kept);
        let examples = self.examples.iter().map(|sample| (sample, self.is_real));
        real.map(|sample| (sample, true)).chain(examples)
    }

    /// Corrects the types of events by the bodies.
    pub(super) fn correct(&self, work: &mut Work<'_, '_>, events: &mut [Event]) {
        let mut fixes = Fixes::default();
        let mut differences = Vec::new();
        for (sample, is_real) in self.all() {
            let event = &events[sample.event];
            let found = learn(&mut work.types, event.ty, &sample.root, is_real, &mut fixes);
            differences.extend(found.iter().map(|place| format!("{}{place}", event.case)));
        }
        fixes.apply_to(&mut work.types, events);
        work.notes.extend(different(differences));
        if fixes.len() > 0 {
            let fields = match fixes.len() {
                1 => "1 field is".to_owned(),
                count => format!("{count} fields are"),
            };
            work.notes.push(format!("{fields} corrected by bodies"));
        } else if self.all().next().is_none() {
            let required = count(&mut work.types, events);
            work.notes.extend((required > 0).then(|| format!(
                "no samples: {required} fields are required on the document's word; give bodies with --samples"
            )));
        }
    }

    /// Decodes all bodies as a host would, and returns the files to write.
    pub(super) fn files(
        &self,
        package: &Package<'_>,
        decoder: &Decoder,
        required: Required,
        notes: &mut Vec<String>,
    ) -> Result<Vec<SampleFile>, Error> {
        for sample in self.given.iter().chain(&self.kept) {
            decoder.check(sample.event, &sample.file, &sample.text)?;
        }
        let mut files = Vec::new();
        for (place, event) in package.events.iter().enumerate() {
            let of_event = |sample: &&Sample| sample.event == place;
            if self.kept.iter().any(|sample| of_event(&sample)) {
                continue;
            }
            let given = self.given.iter().find(of_event);
            notes.extend(given.and_then(|sample| personal(&sample.file, &sample.root)));
            let mut examples = self.examples.iter().filter(of_event);
            let is_fit =
                |sample: &&Sample| decoder.check(place, &sample.file, &sample.text).is_ok();
            let real = given.or_else(|| examples.find(is_fit));
            let unfit = self.examples.iter().filter(of_event).find(|it| !is_fit(it));
            if let Some(unfit) = unfit.filter(|_| real.is_none() || required != Required::Samples)
                && let Err(error) = decoder.check(place, &unfit.file, &unfit.text)
            {
                notes.push(format!("an example is left out: {error}"));
            }
            files.push(match real {
                Some(sample) => SampleFile {
                    path: format!("samples/{}.json", event.case),
                    text: sample.text.clone(),
                },
                None => SampleFile {
                    path: format!("samples/made-up/{}.json", event.case),
                    text: fitting(package, decoder, place),
                },
            });
        }
        Ok(files)
    }
}

/// Makes a body up; without the document's examples of values where these do not fit.
fn fitting(package: &Package<'_>, decoder: &Decoder, place: usize) -> String {
    let ty = package.events[place].ty;
    let hinted = made_up(package.types, ty, true);
    if decoder.check(place, "", &hinted).is_ok() {
        return hinted;
    }
    made_up(package.types, ty, false)
}

fn different(mut places: Vec<String>) -> Option<String> {
    places.sort();
    places.dedup();
    let shown: Vec<_> = places.iter().take(SHOWN_MAX).map(String::as_str).collect();
    let more = places.len().saturating_sub(SHOWN_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    (!places.is_empty()).then(|| {
        format!(
            "bodies have other types than the document says: {}{more}",
            shown.join(", ")
        )
    })
}

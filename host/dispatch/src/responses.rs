//! What a waiting request learns of an attempt: its response, and how it ended.
//!
//! A response is an effect of the attempt. It counts only if a request waits for it, and it is
//! reported only after the settlement is durable.

use hookyard_model::{Effects, Next};
use hookyard_store::{ClaimedJob, JobEnd, JobLease, Settlement};

use crate::executor::{Executor, Made};
use crate::metering;

impl Executor {
    /// Drops the response of an attempt if it does not count: no request waits for it any more, or
    /// another plugin has responded.
    pub(crate) fn drop_uncounted_response(&self, job: &ClaimedJob, effects: &mut Effects) {
        if effects.response.is_none() {
            return;
        }

        let JobLease { event, plugin, .. } = &job.lease;
        if let Err(uncounted) = self.waits.let_count(*event, &plugin.name) {
            effects.response = None;
            metering::record_response(plugin, uncounted.name());
            tracing::info!(
                target: "hookyard::attempt",
                tenant = %plugin.tenant, source = %job.event.source.name, plugin = %plugin.name,
                %event, attempt = job.lease.attempt, reason = uncounted.name(),
                "a response was dropped: the request has another answer"
            );
        }
    }

    /// Reports the end of an attempt to the request that waits for it, if there is one. Must be
    /// called after the settlement.
    pub(crate) fn report_end(&self, made: &mut Made, is_settled: bool) {
        let Settlement {
            lease,
            next,
            effects,
            ..
        } = &mut made.settlement;
        let end = match next {
            _ if !is_settled => JobEnd::NotRun,
            Next::Done => {
                if effects.response.is_some() {
                    metering::record_response(&lease.plugin, "counted");
                }
                JobEnd::Done(effects.response.take())
            }
            Next::Waiting { .. } => JobEnd::Retried,
            Next::Dead => JobEnd::Dead,
        };
        self.waits.report(lease.event, &lease.plugin.name, end);
    }

    /// Reports that a job was not attempted, or that it is not known how far its attempt got.
    pub(crate) fn report_not_run(&self, lease: &JobLease) {
        self.waits
            .report(lease.event, &lease.plugin.name, JobEnd::NotRun);
    }
}

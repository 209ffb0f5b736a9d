using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Telemetry;

/// <summary>
/// Every metric of the program under its documented name. No label takes unbounded values: sweeps and workers come and go with their series,
/// trials are never labels. Known label values exist at zero from the start, so that the first event already shows in a rate.
/// </summary>
public sealed class VaeMetrics : IDisposable
{
    /// <summary>The parts of a training step, in the order in which they run.</summary>
    public static readonly IReadOnlyList<string> StepPhases = ["load", "forward", "backward", "allreduce", "update"];

    // An alert asks whether one in a hundred takes longer than a second.
    private static readonly double[] HttpBuckets = [0.01, 0.1, 1, 10];
    private static readonly double[] StoreBuckets = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 25];

    private const double SlowFrom = 1.1; // Half of all workers are a little slower than the other half.
    private const string MeterName = "Vae.Distributed";
    private const string DeadLetters = "Messages that reached nobody.";
    private const string AuthRejected = "Connections turned away at the handshake, by rule.";
    private const string ProtocolErrors = "Frames of members that broke the protocol, by rule.";

    private readonly Meter _meter;
    private readonly MetricFamily _trials, _packSlots, _workers, _workerUp, _workerSlowdown, _linkSlowdown, _bestElbo, _activeUnits, _active, _storeTrouble, _checkpointTime;
    private readonly Counter<long> _finished, _steps, _samples, _allreduceBytes, _checkpoints, _checkpointFailures, _checkpointBytes;
    private readonly Counter<double> _stepSeconds, _allreduceSeconds, _allreduceWait;
    private readonly Histogram<double> _storeWrite, _httpRequest;

    /// <param name="version">Version of the program.</param>
    /// <param name="commit">Commit that it was built from, or <c>unknown</c>.</param>
    public VaeMetrics(string version, string commit)
    {
        _meter = new(MeterName, version);
        Registry = new(_meter);
        Registry.Declare("vae_build_info", "What this process runs; always 1.", MetricKind.Gauge, ["version", "commit", "runtime"])
            .Set(1, version, commit, RuntimeInformation.FrameworkDescription);
        _trials = Registry.Declare("vae_trials", "Trials of a sweep by state.", MetricKind.Gauge, ["sweep", "state"]);
        _packSlots = Registry.Declare("vae_pack_slots", "Slots of the packs that train, by whether they hold a trial; an empty one computes and nobody gains from it.", MetricKind.Gauge, ["state"]);
        _workerUp = Registry.Declare("vae_worker_up", "1 while the worker holds its lease, 0 when it is lost.", MetricKind.Gauge, ["worker"]);
        _workers = Registry.Declare("vae_workers", "Workers by what they are there for.", MetricKind.Gauge, ["state"]);
        _workerSlowdown = Registry.Declare("vae_worker_slowdown_ratio", "How many times as long as the mean of its gang a worker takes for a row; there while it is at least 1.1.", MetricKind.Gauge, ["worker"]);
        _linkSlowdown = Registry.Declare("vae_link_slowdown_ratio", "How many times as long steps take because of the link from a worker to the next of its ring; there while it is at least 1.1.", MetricKind.Gauge, ["worker"]);
        _bestElbo = Registry.Declare("vae_sweep_best_elbo", "Best held-out evidence lower bound at beta 1 of a sweep, in nats per sample.", MetricKind.Gauge, ["sweep"]);
        _activeUnits = Registry.Declare("vae_sweep_active_units", "Active latent dimensions of a sweep's best trial.", MetricKind.Gauge, ["sweep"]);
        _active = Registry.Declare("vae_coordinator_active", "1 while this coordinator is the active one, 0 while it stands by.", MetricKind.Gauge, []);
        _storeTrouble = Registry.Declare("vae_store_trouble", "1 while the store takes no writes; they wait and are tried again.", MetricKind.Gauge, []);
        _checkpointTime = Registry.Declare("vae_checkpoint_last_timestamp_seconds", "When any worker stored a checkpoint last, in seconds since 1970; 0 before the first.", MetricKind.Gauge, []);
        foreach (var ofCoordinators in (MetricFamily[])[_active, _storeTrouble, _checkpointTime]) ofCoordinators.Remove(); // A worker shows none of them.

        _finished = Counter("vae_trials_finished_total", "Trials that reached their end, by outcome.", "outcome");
        _checkpointBytes = Counter("vae_checkpoint_bytes_total", "Bytes of the checkpoints that workers stored with this coordinator.");
        Registry.Find("vae_checkpoint_bytes_total").Remove();

        // What follows is there once for each worker, so it is little: under 2,000 series for a coordinator with 100 workers (docs/operations.md).
        _steps = Counter("vae_train_steps_total", "Optimizer updates done by this worker, those of each trial counted.", "worker");
        _samples = Counter("vae_train_samples_total", "Training samples processed by this worker.", "worker");
        _stepSeconds = Seconds("vae_train_step_seconds_total", "Time of the parts of training steps; of allreduce, what training stood still for.", "phase");
        _allreduceBytes = Counter("vae_allreduce_bytes_total", "Gradient bytes that this worker sent to its peers.", "worker");
        _allreduceSeconds = Seconds("vae_allreduce_seconds_total", "Time that gradients were being exchanged; what exceeds the phase allreduce of vae_train_step_seconds_total was hidden behind backward.", "worker");
        _allreduceWait = Seconds("vae_allreduce_wait_seconds_total", "Time that this worker waited for its peers' gradients.", "worker");
        _checkpoints = Counter("vae_checkpoint_written_total", "Checkpoints that this worker stored with the coordinator.", "worker");
        _checkpointFailures = Counter("vae_checkpoint_failed_total", "Checkpoints that this worker could not store; training went on.", "worker");
        _storeWrite = Histogram("vae_store_write_duration_seconds", "Time of a store transaction, its sync included.", ["outcome"], StoreBuckets);
        _httpRequest = Histogram("vae_http_request_duration_seconds", "Time of an HTTP request by route and status.", ["route", "status"], HttpBuckets);
        Registry.Start();
    }

    /// <summary>What <c>/metrics</c> writes.</summary>
    public MetricRegistry Registry { get; }

    /// <summary>How many trials of a sweep are in a state now.</summary>
    public void SetTrials(SweepId sweep, TrialState state, int count) => _trials.Set(count, sweep.Value, Label(state));

    /// <summary>How many slots of all packs hold a trial, and how many hold none.</summary>
    public void SetPackSlots(int filled, int empty)
    {
        _packSlots.Set(filled, "filled");
        _packSlots.Set(empty, "empty");
    }

    /// <summary>Makes all series of a sweep at zero.</summary>
    public void CreateSweep(SweepId sweep)
    {
        foreach (var state in Enum.GetValues<TrialState>()) SetTrials(sweep, state, 0);
    }

    /// <summary>Drops the series of a sweep that ended, so that their number stays bounded.</summary>
    public void ForgetSweep(SweepId sweep)
    {
        foreach (var state in Enum.GetValues<TrialState>()) _trials.Remove(sweep.Value, Label(state));
        _bestElbo.Remove(sweep.Value);
        _activeUnits.Remove(sweep.Value);
    }

    /// <summary>A trial reached its end.</summary>
    public void TrialFinished(TrialState outcome) => _finished.Add(1, Tag("outcome", Label(outcome)));

    /// <summary>The best trial of a sweep so far.</summary>
    public void SetBest(SweepId sweep, double elbo, int activeUnits)
    {
        _bestElbo.Set(elbo, sweep.Value);
        _activeUnits.Set(activeUnits, sweep.Value);
    }

    /// <summary>A worker is a member, or is lost.</summary>
    public void SetWorkerUp(NodeId worker, bool up) => _workerUp.Set(up ? 1 : 0, worker.Value);

    /// <summary>How a worker compares with its gang. Shown where it deviates: two series for each of a hundred workers that are like the others would say nothing.</summary>
    public void SetWorkerSlowdown(NodeId worker, double ratio) => ShowWhereSlow(_workerSlowdown, worker, ratio);

    /// <summary>How the link from a worker to the next of its ring compares with the others. Shown where it deviates.</summary>
    public void SetLinkSlowdown(NodeId worker, double ratio) => ShowWhereSlow(_linkSlowdown, worker, ratio);

    /// <summary>How many workers there are of a standing.</summary>
    public void SetWorkers(WorkerStanding standing, int count) => _workers.Set(count, Label(standing));

    /// <summary>This coordinator is the active one, or stands by.</summary>
    public void SetActive(bool active)
    {
        _active.Set(active ? 1 : 0);
        if (!active) SetStoreTrouble(false);
    }

    /// <summary>The store takes no writes at present, or does again.</summary>
    public void SetStoreTrouble(bool trouble) => _storeTrouble.Set(trouble ? 1 : 0);

    /// <summary>A worker left on purpose.</summary>
    public void ForgetWorker(NodeId worker)
    {
        _workerUp.Remove(worker.Value);
        _workerSlowdown.Remove(worker.Value);
        _linkSlowdown.Remove(worker.Value);
    }

    /// <summary>Makes the coordinator's own series at zero.</summary>
    public void CreateCoordinator()
    {
        SetPackSlots(0, 0);
        foreach (var standing in Enum.GetValues<WorkerStanding>()) SetWorkers(standing, 0);
        foreach (var outcome in (TrialState[])[TrialState.Done, TrialState.Failed, TrialState.Pruned, TrialState.Cancelled]) _finished.Add(0, Tag("outcome", Label(outcome)));
        _checkpointBytes.Add(0);
        _checkpointTime.Set(0);
        foreach (var outcome in (string[])["ok", "failed"]) Registry.Find("vae_store_write_duration_seconds").Create(outcome);
    }

    /// <summary>Makes the worker's own series at zero.</summary>
    public void CreateWorker(NodeId worker)
    {
        foreach (var counter in (Counter<long>[])[_steps, _samples, _allreduceBytes, _checkpoints, _checkpointFailures]) counter.Add(0, Of(worker));
        foreach (var phase in StepPhases) StepPhase(phase, TimeSpan.Zero);
        _allreduceSeconds.Add(0, Of(worker));
        _allreduceWait.Add(0, Of(worker));
    }

    /// <summary>This worker stored a checkpoint.</summary>
    public void CheckpointWritten(NodeId worker) => _checkpoints.Add(1, Of(worker));

    /// <summary>This worker could not store a checkpoint.</summary>
    public void CheckpointFailed(NodeId worker) => _checkpointFailures.Add(1, Of(worker));

    /// <summary>A worker's checkpoint is durable with this coordinator.</summary>
    /// <param name="bytes">Its length.</param>
    /// <param name="at">Now.</param>
    public void CheckpointKept(long bytes, DateTimeOffset at)
    {
        _checkpointBytes.Add(bytes);
        _checkpointTime.Set(at.ToUnixTimeMilliseconds() / 1e3);
    }

    /// <summary>Steps and samples done.</summary>
    public void Trained(NodeId worker, long steps, long samples)
    {
        _steps.Add(steps, Of(worker));
        _samples.Add(samples, Of(worker));
    }

    /// <summary>One part of one step; <paramref name="phase"/> is one of <see cref="StepPhases"/>.</summary>
    public void StepPhase(string phase, TimeSpan duration) => _stepSeconds.Add(duration.TotalSeconds, Tag("phase", phase));

    /// <summary>What one step's all-reduce cost.</summary>
    /// <param name="worker">This worker.</param>
    /// <param name="bytesSent">Bytes handed to peers.</param>
    /// <param name="waited">Time asleep until peers' gradients came.</param>
    /// <param name="busy">Time that the exchange took, whether training stood still for it or not; the phase <c>allreduce</c> of the step is the part that it did.</param>
    public void AllReduced(NodeId worker, long bytesSent, TimeSpan waited, TimeSpan busy)
    {
        _allreduceSeconds.Add(busy.TotalSeconds, Of(worker));
        _allreduceBytes.Add(bytesSent, Of(worker));
        _allreduceWait.Add(waited.TotalSeconds, Of(worker));
    }

    /// <summary>One HTTP request; <paramref name="route"/> is the route's pattern, never the path that was asked for.</summary>
    public void HttpRequest(string route, int status, TimeSpan duration)
    {
        if (TimesRequests) _httpRequest.Record(duration.TotalSeconds, new("route", route), new("status", status));
    }

    /// <summary>Whether HTTP requests are timed. Default true; a worker is asked for its health alone, at 7 series for each route.</summary>
    public bool TimesRequests { get; init; } = true;

    /// <summary>Shows an actor system's mailboxes, dead letters and crashes.</summary>
    public void Watch(ActorSystem system)
    {
        Observe("vae_mailbox_depth", "Messages that wait, by kind of actor.", MetricKind.Gauge, ["actor"],
            () => system.MailboxDepths().Select(depth => Measure(depth.Value, ("actor", depth.Key))));
        Observe("vae_dead_letters_total", DeadLetters, MetricKind.Counter, [], () => [Measure(system.DeadLettersTotal)]);
        Observe("vae_mailbox_dropped_total", "Messages refused by a full mailbox.", MetricKind.Counter, [], () => [Measure(system.MailboxRefusedTotal)]);
        Observe("vae_actor_crashes_total", "Crashes of actors.", MetricKind.Counter, [], () => [Measure(system.CrashesTotal)]);
    }

    /// <summary>Shows what goes wrong in a worker in two series, for there are many workers; its log says more.</summary>
    public void WatchInTotal(ActorSystem system, RemotingCounters counters)
    {
        Observe("vae_dead_letters_total", DeadLetters, MetricKind.Counter, [], () => [Measure(system.DeadLettersTotal + system.MailboxRefusedTotal)]);
        Observe("vae_protocol_errors_total", ProtocolErrors, MetricKind.Counter, ["port", "kind"], () => [Measure(
            Enum.GetValues<HandshakeRule>().Sum(counters.Rejected) + Enum.GetValues<ProtocolErrorKind>().Sum(counters.ProtocolErrors) + counters.ForgedSenders + counters.SlowPeers, ("port", "node"), ("kind", "any"))]);
    }

    /// <summary>Shows what happens at a port.</summary>
    public void Watch(RemotingCounters counters)
    {
        Observe("vae_auth_rejected_total", AuthRejected, MetricKind.Counter, ["port", "kind"],
            () => Enum.GetValues<HandshakeRule>().Select(rule => Measure(counters.Rejected(rule), ("port", "node"), ("kind", Label(rule)))));
        Observe("vae_protocol_errors_total", ProtocolErrors, MetricKind.Counter, ["port", "kind"],
            () => Enum.GetValues<ProtocolErrorKind>().Select(kind => Measure(counters.ProtocolErrors(kind), ("port", "node"), ("kind", Label(kind))))
                .Append(Measure(counters.ForgedSenders, ("port", "node"), ("kind", "forged_sender")))
                .Append(Measure(counters.SlowPeers, ("port", "node"), ("kind", "slow_peer"))));
    }

    /// <summary>Times every transaction of a store.</summary>
    public void Watch(IStore store) =>
        store.OnCommit = (duration, _, committed) => _storeWrite.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("outcome", committed ? "ok" : "failed"));

    /// <summary>Stops collecting.</summary>
    public void Dispose()
    {
        Registry.Dispose();
        _meter.Dispose();
    }

    private static void ShowWhereSlow(MetricFamily ratios, NodeId worker, double ratio)
    {
        if (ratio >= SlowFrom) ratios.Set(ratio, worker.Value);
        else ratios.Remove(worker.Value);
    }

    private static KeyValuePair<string, object?> Of(NodeId worker) => Tag("worker", worker.Value);

    private static KeyValuePair<string, object?> Tag(string label, string value) => new(label, value);

    private static string Label<T>(T value) where T : struct, Enum =>
        string.Concat(value.ToString().Select((c, i) => char.IsUpper(c) ? (i > 0 ? "_" : "") + char.ToLowerInvariant(c) : c.ToString()));

    private static Measurement<long> Measure(long value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        var tags = new KeyValuePair<string, object?>[labels.Length];
        for (var i = 0; i < tags.Length; i++) tags[i] = new(labels[i].Name, labels[i].Value);
        return new(value, tags);
    }

    private Counter<long> Counter(string name, string help, params string[] labels)
    {
        Registry.Declare(name, help, MetricKind.Counter, labels);
        return _meter.CreateCounter<long>(name);
    }

    private Counter<double> Seconds(string name, string help, params string[] labels)
    {
        Registry.Declare(name, help, MetricKind.Counter, labels);
        return _meter.CreateCounter<double>(name, "s");
    }

    private Histogram<double> Histogram(string name, string help, string[] labels, double[] buckets)
    {
        Registry.Declare(name, help, MetricKind.Histogram, labels, buckets);
        return _meter.CreateHistogram<double>(name, "s");
    }

    private void Observe(string name, string help, MetricKind kind, string[] labels, Func<IEnumerable<Measurement<long>>> read)
    {
        Registry.Declare(name, help, kind, labels).Observed = true;
        if (kind == MetricKind.Counter) _meter.CreateObservableCounter(name, read);
        else _meter.CreateObservableGauge(name, read);
    }
}

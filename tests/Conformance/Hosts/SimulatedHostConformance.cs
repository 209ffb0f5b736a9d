using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Conformance.Hosts;

/// <summary>The simulator keeps the contract. Its seed is another one per test only through the test's own actions.</summary>
public sealed class SimulatedHostConformance : HostConformance
{
    protected override Task<IHostHarness> StartAsync(Func<ProbeJob, Message> jobs) => Task.FromResult<IHostHarness>(new Harness(jobs));

    private sealed class Harness : IHostHarness
    {
        private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10); // Simulated: it costs nothing.

        private readonly SimulatedCluster _cluster = new(seed: 1);
        private readonly SimulatedNode _node;

        public Harness(Func<ProbeJob, Message> jobs)
        {
            _node = _cluster.AddNode(NodeId.Coordinator, boot => boot.UseJobs(new JobsBy((job, context) =>
            {
                var answer = jobs((ProbeJob)job);
                context.Answer(context.Prng.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(5)), answer);
            })));
            _cluster.RunFor(TimeSpan.Zero);
        }

        public NodeId Node => _node.Id;

        public long DeadLetters => _cluster.History.Count(FaultKind.DeadLetter);

        public int DurableFacts => _cluster.Store.Count;

        public void Spawn(string name, Func<IActor> factory, Supervision? supervision = null) => _node.SpawnRoot(name, factory, supervision);

        public void Post(string name, Message message) => _cluster.Post(new(Node, name), message);

        public void Stop(string name) => _node.StopRoot(name, "as told");

        public Task UntilAsync(Func<bool> condition, string what)
        {
            _cluster.RunUntil(condition, Deadline, what);
            return Task.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

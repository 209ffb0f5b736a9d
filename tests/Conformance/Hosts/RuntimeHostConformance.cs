using Microsoft.Extensions.Logging.Abstractions;
using Vae.Runtime.Actors;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Actors;

namespace Vae.Tests.Conformance.Hosts;

/// <summary>The real host keeps the contract, over a real store on a disk.</summary>
public sealed class RuntimeHostConformance : HostConformance
{
    protected override Task<IHostHarness> StartAsync(Func<ProbeJob, Message> jobs) => Task.FromResult<IHostHarness>(new Harness(jobs));

    private sealed class Harness : IHostHarness
    {
        private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30); // Only ends a hanging test.

        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vae-host-");
        private readonly SqliteStore _store;
        private readonly ActorSystem _system;

        public Harness(Func<ProbeJob, Message> jobs)
        {
            _store = SqliteStore.Open(Path.Combine(_folder.FullName, "store.db"), TimeProvider.System);
            _system = new(NodeId.Coordinator, TimeProvider.System, NullLogger.Instance, _store);
            _system.RegisterPort<ProbeJob>(JobPort.Answering<ProbeJob>((job, _) => Task.FromResult(jobs(job))));
        }

        public NodeId Node => _system.Node;

        public long DeadLetters => _system.DeadLettersTotal;

        public int DurableFacts => _store.ReadAll().Count();

        public void Spawn(string name, Func<IActor> factory, Supervision? supervision = null) => _system.SpawnRoot(name, factory, supervision);

        public void Post(string name, Message message) => _system.Post(new(Node, name), message);

        public void Stop(string name) => _ = _system.StopRoot(new(Node, name), "as told");

        public async Task UntilAsync(Func<bool> condition, string what)
        {
            var deadline = DateTime.UtcNow + Deadline;
            while (!condition())
            {
                Assert.True(DateTime.UtcNow < deadline, $"Never happened: {what}");
                await Task.Delay(2);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _system.DisposeAsync();
            await _store.DisposeAsync();
            _folder.Delete(recursive: true);
        }
    }
}

using System.Diagnostics;
using System.Reflection;
using Vae.Coordinator.Actors;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Tests.Unit.Wire;
using Vae.Worker.Actors;

namespace Vae.Tests.Unit.Actors;

public class FamilyTests
{
    private const int RandomsOfEach = 40;

    private static readonly (Type Family, Func<IActor> Make)[] Actors =
    [
        (typeof(ClusterMessage), () => new Cluster(Some.Context())),
        (typeof(PlacementMessage), () => new Placement(Some.Context())),
        (typeof(PlannerMessage), () => new Planner(Some.Context())),
        (typeof(DatasetMessage), () => new DatasetCatalog()),
        (typeof(MetricsMessage), () => new MetricsActor(Some.Context(), [])),
        (typeof(SweepBookMessage), () => new SweepBook(Some.Context(), [])),
        (typeof(SweepMessage), () => new Sweep(Some.Context(), Some.Sweep, [Some.Submitted(4)])),
        (typeof(PackMessage), () => new PackRunner(Some.Term, Some.Plan(0, 1))),
        (typeof(AgentMessage), () => new WorkerAgent(Some.Identity())),
        (typeof(ReplicaMessage), () => new Replica(Some.Replica(0, 1), Some.Assignment(0, 1))),
        (typeof(OutboxMessage), () => new MetricsOutbox(Some.Worker(0), 7)),
    ];

    public static TheoryData<Type> Families => [.. Actors.Select(actor => actor.Family)];

    [Theory, MemberData(nameof(Families))]
    public void An_actor_has_a_rule_for_every_message_of_its_family(Type family)
    {
        var make = Array.Find(Actors, actor => actor.Family == family).Make;
        var cases = family.GetNestedTypes(BindingFlags.Public).Where(type => type.IsSubclassOf(family)).ToArray();
        Assert.NotEmpty(cases);
        foreach (var type in cases)
        {
            var records = new RandomRecords(1);
            for (var i = 0; i < RandomsOfEach; i++)
            {
                var message = (Message)records.Make(type);
                if (message is SweepBookMessage.SubmitSweep submit) message = submit with { Definition = Some.Definition(3) }; // Only the parser makes definitions.
                var thrown = Record.Exception(() => new Probe(make()).Feed(message));

                // Numbers of any size may break an invariant or leave the range of time; nothing may be without a rule, or null, or missing.
                Assert.True(thrown is null or InvariantException or OverflowException or ArgumentException && thrown is not UnreachableException, $"{type.Name}: {thrown}");
            }
        }
    }

    [Theory, MemberData(nameof(Families))]
    public void An_actor_refuses_a_message_of_another_family(Type family)
    {
        var (_, make) = Array.Find(Actors, actor => actor.Family == family);
        Message foreign = family == typeof(ClusterMessage) ? new OutboxMessage.FlushNow() : new ClusterMessage.CheckLeases();
        Assert.Throws<UnreachableException>(() => new Probe(make()).Feed(foreign));
    }
}

using System.Buffers;
using System.Text;
using Vae.Coordinator.Hosting;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Tests.Unit.Cli;

namespace Vae.Tests.Unit.Hosting;

public sealed class PackSlotsTests : IDisposable
{
    private readonly VaeMetrics _metrics = new("0", "none");
    private readonly SweepViews _views = new((IEnumerable<SweepEvent>)[]);

    private static SweepEvent OfTwo => new SweepEvent.PackStarted(0, new Attempt(1), [0, 1], [new NodeId("worker-1")], new PackShape(2, 16, 1, 1), Closed: true, [null, null]) { Sweep = TestSweep.Id };

    public void Dispose() => _metrics.Dispose();

    [Fact]
    public void Slots_are_counted_as_filled_until_their_trial_ends_and_no_more_once_the_pack_is_gone()
    {
        var fleet = new FleetMetrics(_metrics, _views, TimeProvider.System);
        Assert.Equal((0, 0), Shown());

        Tell(fleet, TestSweep.Submitted, OfTwo);
        Assert.Equal((2, 0), Shown());

        Tell(fleet, TestSweep.Done(0, -90));
        Assert.Equal((1, 1), Shown());

        Tell(fleet, TestSweep.Done(1, -80), new SweepEvent.PackEnded(0, new Attempt(1)) { Sweep = TestSweep.Id });
        Assert.Equal((0, 0), Shown());
    }

    [Fact]
    public void A_cancelled_sweep_has_no_slots()
    {
        var fleet = new FleetMetrics(_metrics, _views, TimeProvider.System);

        Tell(fleet, TestSweep.Submitted, OfTwo, TestSweep.Ended(SweepState.Cancelled));

        Assert.Equal((0, 0), Shown());
    }

    [Fact]
    public void A_coordinator_that_was_restarted_shows_the_slots_it_found()
    {
        foreach (var fact in (SweepEvent[])[TestSweep.Submitted, OfTwo]) _views.Apply(fact);

        _ = new FleetMetrics(_metrics, _views, TimeProvider.System);

        Assert.Equal((2, 0), Shown());
    }

    private void Tell(FleetMetrics fleet, params SweepEvent[] facts)
    {
        foreach (var fact in facts)
        {
            _views.Apply(fact);
            fleet.Observe(new ObserverMessage.FactRecorded(fact));
        }
    }

    private (int Filled, int Empty) Shown()
    {
        var page = new ArrayBufferWriter<byte>();
        _metrics.Registry.Write(page);
        var lines = Encoding.UTF8.GetString(page.WrittenSpan).Split('\n');
        return (Value("filled"), Value("empty"));

        int Value(string state) => int.Parse(lines.Single(line => line.StartsWith($"vae_pack_slots{{state=\"{state}\"}} ", StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}

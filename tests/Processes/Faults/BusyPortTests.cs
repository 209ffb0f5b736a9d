using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

public class BusyPortTests
{
    [Fact]
    public async Task Sweep_run_says_which_port_is_busy_and_leaves_no_worker_behind()
    {
        using var home = new TemporaryHome();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var busy = ((IPEndPoint)other.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        var file = home.Write("sweep.yaml", SweepText.Grid("1", "2", epochs: 1));

        var ending = (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "1", "--http-port", busy, "--home", home.Path)).Expect(1).ExpectNoTrace();

        Assert.Contains(busy, ending.Error, StringComparison.Ordinal);
        Assert.Empty(WorkerTable.Of(home));
    }
}

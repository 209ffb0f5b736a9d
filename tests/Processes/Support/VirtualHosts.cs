using System.Diagnostics;
using System.Globalization;

namespace Vae.Tests.Processes.Support;

/// <summary>
/// A few hosts with a network card each, as network namespaces behind one bridge of this machine. Here the kernel itself loses packets: no FIN, no RST, no error, as behind a cable
/// that was pulled. The test, and whatever it does not start on one of them, is at <see cref="Gateway"/>.
/// </summary>
internal sealed class VirtualHosts : IDisposable
{
    private static readonly Lazy<string?> s_lacks = new(Probe);
    private static int s_made;

    private readonly string _tag;
    private readonly int _subnet;
    private readonly int _count;

    /// <param name="count">Hosts, 1 to 100.</param>
    public VirtualHosts(int count)
    {
        _count = count;
        var number = Interlocked.Increment(ref s_made);
        _tag = string.Create(CultureInfo.InvariantCulture, $"v{Environment.ProcessId % 100_000}x{number}");
        _subnet = (Environment.ProcessId + number) % 250;
        try
        {
            Ip("link", "add", Bridge, "type", "bridge");
            Ip("addr", "add", $"{Gateway}/24", "dev", Bridge);
            Ip("link", "set", Bridge, "up");
            for (var host = 0; host < count; host++) Plug(host);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Why there can be none here; null when there can.</summary>
    public static string? Lacks => s_lacks.Value;

    /// <summary>This machine's own address on the hosts' network.</summary>
    public string Gateway => Text($"10.213.{_subnet}.1");

    private string Bridge => $"{_tag}b";

    public string Address(int host) => Text($"10.213.{_subnet}.{host + 2}");

    /// <summary>Starts a program on a host.</summary>
    public RunningProgram Start(int host, string program, params string[] arguments) => RunningProgram.Start("ip", ["netns", "exec", Name(host), program, .. arguments]);

    /// <summary>Pulls a host's cable.</summary>
    public void Unplug(int host) => Ip("link", "set", Card(host), "down");

    public void Replug(int host) => Ip("link", "set", Card(host), "up");

    /// <summary>From now on nothing that <paramref name="from"/> sends reaches a host.</summary>
    public void Deafen(int host, string from) => In(host, "iptables", "-I", "INPUT", "-s", from, "-j", "DROP");

    /// <summary>From now on nothing that a host sends reaches <paramref name="to"/>.</summary>
    public void Mute(int host, string to) => In(host, "iptables", "-I", "OUTPUT", "-d", to, "-j", "DROP");

    /// <summary>A host loses this share of what arrives, by chance.</summary>
    public void Lose(int host, double share) =>
        In(host, "iptables", "-I", "INPUT", "-m", "statistic", "--mode", "random", "--probability", share.ToString(CultureInfo.InvariantCulture), "-j", "DROP");

    /// <summary>Takes back what made a host deaf, mute or forgetful.</summary>
    public void Heal(int host) => In(host, "iptables", "-F");

    public void Dispose()
    {
        for (var host = 0; host < _count; host++) TryRun("ip", "netns", "delete", Name(host));
        TryRun("ip", "link", "delete", Bridge);
    }

    private string Name(int host) => Text($"{_tag}h{host}");

    private string Card(int host) => Text($"{_tag}c{host}");

    private void Plug(int host)
    {
        Ip("netns", "add", Name(host));
        Ip("link", "add", Card(host), "type", "veth", "peer", "name", "eth0", "netns", Name(host));
        Ip("link", "set", Card(host), "master", Bridge, "up");
        Ip("-n", Name(host), "addr", "add", $"{Address(host)}/24", "dev", "eth0");
        Ip("-n", Name(host), "link", "set", "eth0", "up");
        Ip("-n", Name(host), "link", "set", "lo", "up");
    }

    private void In(int host, params string[] command) => Ip(["netns", "exec", Name(host), .. command]);

    private static void Ip(params string[] arguments)
    {
        if (TryRun("ip", arguments) is { } problem) throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {problem}");
    }

    private static string? Probe()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess) return "network namespaces need root on Linux.";
        foreach (var program in (string[])["ip", "iptables"])
        {
            if (Checkout.Find(program) is null) return $"{program} is not on the path.";
        }

        try
        {
            using var hosts = new VirtualHosts(1);
            hosts.Lose(0, 0.5);
            return null;
        }
        catch (InvalidOperationException exception)
        {
            return $"this system gives us no network namespaces: {exception.Message}";
        }
    }

    private static string? TryRun(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        output.Wait();
        return process.ExitCode == 0 ? null : said.Trim();
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A test on <see cref="VirtualHosts"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactOnVirtualHostsAttribute : FactAttribute
{
    public FactOnVirtualHostsAttribute() => Skip = VirtualHosts.Lacks;
}

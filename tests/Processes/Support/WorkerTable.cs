using System.Globalization;
using System.Text;

namespace Vae.Tests.Processes.Support;

/// <summary>A `vae worker` process of this machine.</summary>
/// <param name="Id">Its process id.</param>
/// <param name="Name">What --name says.</param>
internal sealed record WorkerProcess(int Id, string Name)
{
    /// <summary>False once it has ended, also when nobody has fetched its exit code yet.</summary>
    public bool IsAlive => WorkerTable.Find(worker => worker == this).Count > 0;
}

/// <summary>The workers that the system knows, read from /proc: a test must also find those whose parent has died.</summary>
internal static class WorkerTable
{
    /// <summary>The workers that use the token of a home.</summary>
    public static IReadOnlyList<WorkerProcess> Of(TemporaryHome home) => Find(_ => true, home.Token);

    public static IReadOnlyList<WorkerProcess> Find(Func<WorkerProcess, bool> wanted, string? token = null)
    {
        var found = new List<WorkerProcess>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id)) continue;
            var arguments = Arguments(folder);
            if (arguments.Length < 2 || arguments[1] != "worker" || (token is not null && !arguments.Contains(token)) || HasEnded(folder)) continue;
            var name = Array.IndexOf(arguments, "--name");
            if (name < 0 || name + 1 >= arguments.Length) continue;
            var worker = new WorkerProcess(id, arguments[name + 1]);
            if (wanted(worker)) found.Add(worker);
        }

        return found;
    }

    private static string[] Arguments(string folder)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(folder, "cmdline"))).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return []; // It ended while we looked.
        }
    }

    // "pid (name) STATE ...": Z has ended and waits for its parent to look.
    private static bool HasEnded(string folder)
    {
        try
        {
            var stat = File.ReadAllText(Path.Combine(folder, "stat"));
            return stat[stat.LastIndexOf(')') + 2] is 'Z' or 'X';
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}

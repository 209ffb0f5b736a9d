using System.Globalization;

namespace Vae.Tests.Processes.Support;

/// <summary>A folder for one test's state, gone with the test.</summary>
internal sealed class TemporaryHome : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vae-test-");

    public string Path => _folder.FullName;

    public string Token => System.IO.Path.Combine(Path, "token");

    public string Cache => System.IO.Path.Combine(Path, "cache");

    public string Store => System.IO.Path.Combine(Path, "coordinator.db");

    /// <summary>The path of a file in the folder.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file into the folder.</summary>
    public string Write(string name, string text)
    {
        var path = System.IO.Path.Combine(Path, name);
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    /// <summary>A published file of a trial.</summary>
    public string TrialFile(string sweep, int trial, string file) =>
        System.IO.Path.Combine(Path, "sweeps", sweep, "trials", trial.ToString("D4", CultureInfo.InvariantCulture), file);

    public void Dispose() => _folder.Delete(recursive: true);
}

using System.Runtime.Versioning;

namespace Vae.Tests.Unit.Deploy;

/// <summary>A folder with the wrapper, its scripts and two make-believe sources: enough to see what the wrapper decides.</summary>
[SupportedOSPlatform("linux")]
internal sealed class TemporaryCheckout : IDisposable
{
    private const string Program = "src/Cli/bin/Release/net10.0/vae";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vae-wrapper-");

    public TemporaryCheckout()
    {
        Directory.CreateDirectory(PathTo("eng"));
        Directory.CreateDirectory(PathTo("src"));
        File.Copy(Checkout.PathTo("vae"), PathTo("vae"));
        foreach (var script in Checkout.Files("eng", "*.sh")) File.Copy(script, PathTo($"eng/{Path.GetFileName(script)}"));
        File.WriteAllText(PathTo("src/A.cs"), "a");
        File.WriteAllText(PathTo("src/B.cs"), "b");
    }

    public string PathTo(string place) => Path.Combine(_folder.FullName, place);

    /// <summary>Puts a program where the build would, and the stamp that a build of these sources would leave.</summary>
    public void PretendBuilt(string script)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathTo(Program))!);
        Directory.CreateDirectory(PathTo("artifacts"));
        File.WriteAllText(PathTo(Program), script);
        File.SetUnixFileMode(PathTo(Program), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var list = Bash("root=. program=x; source eng/sources.sh; unset LIBTORCH; sources", []);
        File.WriteAllText(PathTo("artifacts/build.stamp"), list.Output);
    }

    public (int Status, string Output, string Error) Start(params (string Name, string Value)[] environment) =>
        Bash(string.Concat(environment.Select(pair => $"export {pair.Name}={pair.Value}; ")) + "exec ./vae", []);

    public (int Status, string Output, string Error) Start(string[] arguments) => Bash("unset LIBTORCH; exec ./vae \"$@\"", arguments);

    public void Dispose() => _folder.Delete(recursive: true);

    private (int Status, string Output, string Error) Bash(string script, string[] arguments) =>
        Checkout.Run("bash", ["-c", script, "bash", .. arguments], _folder.FullName);
}

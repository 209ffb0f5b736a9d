using System.CommandLine;
using Vae.Cli.Doctor;
using Vae.Cli.Terminal;

namespace Vae.Cli.Commands;

/// <summary><c>vae doctor</c>: what this machine is and lacks, to read and to paste into a report.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var port = new Option<int>("--port") { Description = "Port that a coordinator would take.", HelpName = "PORT", DefaultValueFactory = _ => 7431 };
        port.InRange(1, 65_535);
        var command = new Command("doctor", "Check this machine and show what to paste into a report. Exit code 1 when training cannot work.") { port };
        command.Do((parse, output, _) =>
        {
            var checks = Checkup.Run(parse.GetRequiredValue(GlobalOptions.Home), parse.GetValue(port));
            if (output.Mode.Json) WriteJson(checks, output);
            else WriteText(checks, output);
            return Task.FromResult(checks.Any(check => check.Verdict == Verdict.Fail) ? ExitCode.Failed : ExitCode.Ok);
        });
        return command;
    }

    private static void WriteText(IReadOnlyList<Check> checks, Output output)
    {
        var width = checks.Max(check => check.Name.Length);
        foreach (var check in checks)
        {
            var verdict = check.Verdict switch { Verdict.Ok => "ok  ", Verdict.Warn => "WARN", _ => "FAIL" };
            output.Line($"{verdict}  {check.Name.PadRight(width)}  {check.Text}");
            if (check.Remedy.Length > 0) output.Line($"      {new string(' ', width)}  -> {check.Remedy}");
        }
    }

    private static void WriteJson(IReadOnlyList<Check> checks, Output output) => output.Json("doctor", json =>
    {
        json.WriteStartArray("checks");
        foreach (var check in checks)
        {
            json.WriteStartObject();
            json.WriteString("name", check.Name);
            json.WriteString("verdict", check.Verdict.ToString().ToLowerInvariant());
            json.WriteString("text", check.Text);
            json.WriteString("remedy", check.Remedy);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}

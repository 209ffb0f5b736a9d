using System.Globalization;

namespace Vae.Tests.Processes.EndToEnd;

/// <summary>The rows of a <c>curves.csv</c>, in its order.</summary>
internal sealed record Curves(IReadOnlyList<Curves.TrainRow> Train, IReadOnlyList<Curves.HeldOutRow> HeldOut)
{
    public sealed record TrainRow(int Step, double Loss, double Distortion, double Rate);

    public sealed record HeldOutRow(int Epoch, double Elbo);

    public static Curves Read(string file)
    {
        var lines = File.ReadAllLines(file);
        var header = lines[0].Split(',');
        var rows = lines.Skip(1).Select(line => header.Zip(line.Split(',')).ToDictionary()).ToList();
        return new(
            [.. rows.Where(row => row["kind"] == "train").Select(row => new TrainRow((int)Number(row, "step"), Number(row, "loss"), Number(row, "distortion"), Number(row, "rate")))],
            [.. rows.Where(row => row["kind"] == "held_out").Select(row => new HeldOutRow((int)Number(row, "epoch"), Number(row, "elbo")))]);
    }

    private static double Number(Dictionary<string, string> row, string column) => double.Parse(row[column], CultureInfo.InvariantCulture);
}
